import grpc from "@grpc/grpc-js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import type { Objects, Properties } from "./objects.ts";

/** What a provider does with one kind of resource after another; `configured` is called before all others. */
export interface Provider {
  version: string;
  configured(settings: Properties): void;
  objects: Objects;
  cancel(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: Pulumi's messages have no types of their own
type Any = any;

const struct = (value: Properties) => structs.Struct.fromJavaScript(value as Any);
const read = (message: Any): Properties => message?.toJavaScript() ?? {};

/** Serves Pulumi's protocol for resource providers on a port of this machine, which it prints: that is how the engine finds it. */
export async function serve(provider: Provider): Promise<void> {
  const { objects } = provider;
  const server = new grpc.Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
  const answers: Record<string, (request: Any) => Promise<Any> | Any> = {
    getPluginInfo: () => new plugins.PluginInfo().setVersion(provider.version),
    getSchema: () => new messages.GetSchemaResponse().setSchema("{}"),
    attach: () => new empty.Empty(),
    checkConfig: (request) => new messages.CheckResponse().setInputs(request.getNews()),
    diffConfig: (request) => {
      const same = JSON.stringify(read(request.getOldInputs())) === JSON.stringify(read(request.getNews()));
      return new messages.DiffResponse().setChanges(same ? 1 : 2);
    },
    configure: (request) => {
      provider.configured(read(request.getArgs()));
      // Values arrive as they are; the engine itself remembers which of them are secret.
      return new messages.ConfigureResponse().setAcceptsecrets(false).setSupportspreview(true);
    },
    check: (request) => new messages.CheckResponse().setInputs(request.getNews()),
    diff: (request) => {
      const { changed, replaces } = objects.diff(read(request.getOldInputs()), read(request.getNews()));
      return new messages.DiffResponse()
        .setChanges(changed ? 2 : 1)
        .setReplacesList(replaces)
        .setDeletebeforereplace(replaces.length > 0);
    },
    create: async (request) => {
      const inputs = read(request.getProperties());
      if (request.getPreview()) return new messages.CreateResponse().setProperties(struct(inputs));
      const { id, properties } = await objects.create(inputs);
      return new messages.CreateResponse().setId(id).setProperties(struct(properties));
    },
    update: async (request) => {
      const inputs = read(request.getNews());
      const properties = request.getPreview() ? inputs : await objects.update(inputs);
      return new messages.UpdateResponse().setProperties(struct(properties));
    },
    read: async (request) => {
      const found = await objects.read(read(request.getProperties()));
      if (!found) return new messages.ReadResponse();
      return new messages.ReadResponse()
        .setId(request.getId())
        .setProperties(struct(found))
        .setInputs(request.getInputs());
    },
    delete: async (request) => {
      await objects.remove(read(request.getProperties()));
      return new empty.Empty();
    },
    cancel: () => {
      provider.cancel();
      return new empty.Empty();
    },
  };
  const handlers = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      name,
      ({ request }: Any, done: Any) =>
        Promise.resolve()
          .then(() => answer(request))
          .then(
            (response) => done(null, response),
            (error: Error) => done({ code: grpc.status.UNKNOWN, details: error.message }),
          ),
    ]),
  );
  server.addService(services.ResourceProviderService as Any, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  process.stdout.write(`${port}\n`);
}
