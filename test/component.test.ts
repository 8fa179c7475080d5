import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { credentialsOf, makePlan } from "../components/plan.ts";
import { parse } from "../stacks/settings.ts";

/** What reached the engine: one entry for each registered resource, with the options that mocks do not show. */
interface Registered {
  type: string;
  name: string;
  parent: string;
  deleteBeforeReplace: boolean;
  replaceOnChanges: string[];
  retained: boolean;
  secretOutputs: string[];
  dependencies: string[];
  inputs: Record<string, unknown>;
}

const registered: Registered[] = [];
const SECRET = "4dabf18193072939515e22adb298388d"; // marks a secret on Pulumi's wire

beforeAll(async () => {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs, custom }) => ({ id: custom ? `${name}-id` : "", state: { ...inputs } }),
      call: ({ token }) => {
        throw new Error(`unexpected call of ${token}`);
      },
    },
    "agent-stores",
    "test",
  );
  // biome-ignore lint/suspicious/noExplicitAny: Pulumi has no typed way to see what is registered
  const monitor = pulumi.runtime.getMonitor() as any;
  const original = monitor.registerResource.bind(monitor);
  // biome-ignore lint/suspicious/noExplicitAny: as above
  monitor.registerResource = (request: any, callback: unknown) => {
    registered.push({
      type: request.getType(),
      name: request.getName(),
      parent: request.getParent(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
      replaceOnChanges: request.getReplaceonchangesList(),
      retained: request.getRetainondelete() === true,
      secretOutputs: request.getAdditionalsecretoutputsList(),
      dependencies: request.getDependenciesList(),
      inputs: request.getObject()?.toJavaScript() ?? {},
    });
    return original(request, callback);
  };
  const { AgentStores } = await import("../components/agent-stores.ts");
  const plan = makePlan(parse("test", { trace: "jaeger" }), { root: "/project", digests: {} });
  const credentials = {
    ...Object.fromEntries(credentialsOf(plan).generated.map((name) => [name, `made for ${name}`])),
    "postgres.admin": "hunter2",
  };
  new AgentStores("stores", { plan, credentials });
  const cluster = { target: "kubernetes", kubeContext: "somewhere" };
  new AgentStores("node", { plan: makePlan(parse("test", cluster), { root: "/project", digests: {} }), credentials });
  await pulumi.runtime.disconnect();
});

const find = (type: string) =>
  registered.find((resource) => resource.type === type && resource.name.startsWith("stores-postgres")) as Registered;

describe("AgentStores", () => {
  it("registers a network, and an image, a volume and a container for each product", () => {
    const each = ["jaeger", "minio", "otel-collector", "postgres", "redis"].flatMap((product) => [
      `docker:index/container:Container stores-${product}`,
      `docker:index/remoteImage:RemoteImage stores-${product}`,
      `docker:index/volume:Volume stores-${product}-data`,
    ]);
    const all = ["agent-stores:index:AgentStores stores", "docker:index/network:Network stores", ...each];
    const names = registered.filter(({ name }) => name.startsWith("stores"));
    expect(names.map(({ type, name }) => `${type} ${name}`).sort()).toEqual(all.sort());
    for (const { type, parent } of registered)
      if (type.startsWith("docker:")) expect(parent).toContain("agent-stores:index:AgentStores::stores");
  });

  it("replaces a container by taking the old one away first, with its image and its data there before it", () => {
    const container = find("docker:index/container:Container");
    expect(container.deleteBeforeReplace).toBe(true);
    expect(container.replaceOnChanges).toEqual(["healthcheck", "mounts"]);
    expect(container.dependencies.join()).toMatch(/RemoteImage/);
    expect(container.dependencies.join()).toMatch(/Volume/);
  });

  it("waits for a server that the engine can ask, and for no other", () => {
    const of = (product: string) =>
      registered.find(({ type, name }) => /Container$/.test(type) && name === `stores-${product}`)?.inputs;
    expect(of("jaeger")).toMatchObject({ wait: true, networksAdvanced: [{ aliases: ["jaeger", "traces"] }] });
    expect(of("otel-collector")).toMatchObject({ wait: false, networksAdvanced: [{ aliases: ["otel-collector"] }] });
    expect(of("otel-collector")).not.toHaveProperty("healthcheck");
  });

  it("keeps the data when a setting takes its volume out of the plan", () => {
    expect(find("docker:index/volume:Volume").retained).toBe(true);
  });

  it("hands the password over as a secret, in a file and nowhere else", () => {
    const { inputs, secretOutputs } = find("docker:index/container:Container");
    const [file] = inputs.uploads as { content: Record<string, string> }[];
    expect(file?.content).toMatchObject({ [SECRET]: expect.any(String), value: "hunter2" });
    expect(JSON.stringify({ ...inputs, uploads: [] })).not.toContain("hunter2");
    expect(secretOutputs).toContain("uploads");
  });

  it("limits memory and swap alike, listens on loopback only, and stops with patience", () => {
    expect(find("docker:index/container:Container").inputs).toMatchObject({
      memory: 1024,
      memorySwap: 1024,
      cpus: "2.0",
      ports: [{ ip: "127.0.0.1", internal: 5432, external: 5432 }],
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges:true"],
      restart: "unless-stopped",
      wait: true,
      destroyGraceSeconds: 90,
      stopTimeout: 90,
      logOpts: { "max-size": "10m", "max-file": "3" },
    });
  });
});

describe("AgentStores on a cluster", () => {
  const ofKind = (kind: string) =>
    registered.filter(({ type, name }) => type.endsWith(`:${kind}`) && name.startsWith("node"));

  it("registers the objects that the plan renders to, below the component, and no namespace", () => {
    const count = (kind: string) => ofKind(kind).length;
    expect([count("StatefulSet"), count("Secret"), count("Service"), count("PodDisruptionBudget")]).toEqual([
      3, 3, 6, 3,
    ]);
    expect([count("ResourceQuota"), count("NetworkPolicy"), count("Namespace")]).toEqual([1, 4, 0]);
    for (const { type, parent } of registered)
      if (type.startsWith("kubernetes:")) expect(parent).toContain("agent-stores:index:AgentStores::node");
  });

  it("makes a server when what it reads is there, and takes an old object away before a new one of its name comes", () => {
    for (const { dependencies, deleteBeforeReplace } of ofKind("StatefulSet")) {
      expect(deleteBeforeReplace).toBe(true);
      expect(dependencies.join()).toMatch(/Secret.*ResourceQuota|ResourceQuota.*Secret/);
    }
  });

  it("hands the password over as a secret of the Secret, and elsewhere its digest alone", () => {
    const secret = ofKind("Secret").find(({ name }) => name.includes("postgres"))?.inputs;
    expect(secret?.stringData).toMatchObject({
      [SECRET]: expect.any(String),
      value: { "run.secrets.admin": "hunter2" },
    });
    const set = JSON.stringify(ofKind("StatefulSet").find(({ name }) => name.includes("postgres"))?.inputs);
    expect(set).not.toContain("hunter2");
    expect(set).not.toContain(SECRET);
    expect(set).toMatch(/"agent-stores\/files":"[0-9a-f]{16}"/);
  });
});
