import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { ApiException, KubeConfig, KubernetesObjectApi, PatchStrategy } from "@kubernetes/client-node";

// biome-ignore lint/suspicious/noExplicitAny: an object of any kind
export type Properties = Record<string, any>;

/** Who has set a field, as far as the API server is concerned. */
const MANAGER = "agent-stores-lab";
/** The API server refuses to change these; whoever wants to has to make another object. */
const FIXED: Record<string, readonly string[]> = {
  StatefulSet: ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates", "revisionHistoryLimit"],
  Service: ["clusterIP"],
};
/** As long as the real provider waits. */
const PATIENCE_MS = 600_000;

/** Makes, changes and removes objects of the cluster in one context of the kubeconfig; made is what is ready. */
export class Objects {
  #api: KubernetesObjectApi | undefined;
  readonly #cancelled = new AbortController();

  use(context: string): void {
    const config = new KubeConfig();
    config.loadFromDefault();
    if (!config.getContextObject(context)) throw new Error(`the kubeconfig has no context ${JSON.stringify(context)}`);
    config.setCurrentContext(context);
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  cancel(): void {
    this.#cancelled.abort();
  }

  diff(before: Properties, after: Properties): { changed: boolean; replaces: string[] } {
    const fixed = ["name", "namespace"].filter((field) => before.metadata?.[field] !== after.metadata?.[field]);
    const spec = (FIXED[after.kind] ?? []).filter(
      (field) => !isDeepStrictEqual(before.spec?.[field], after.spec?.[field]),
    );
    const replaces = [...fixed.map((field) => `metadata.${field}`), ...spec.map((field) => `spec.${field}`)];
    return { changed: !isDeepStrictEqual(before, after), replaces };
  }

  async create(inputs: Properties): Promise<{ id: string; properties: Properties }> {
    const id = `${inputs.metadata.namespace}/${inputs.metadata.name}`;
    if (await this.read(inputs)) throw new Error(`${inputs.kind} ${id} already exists`);
    return { id, properties: await this.#apply(inputs) };
  }

  update(inputs: Properties): Promise<Properties> {
    return this.#apply(inputs);
  }

  async read({ apiVersion, kind, metadata }: Properties): Promise<Properties | undefined> {
    try {
      return plain(
        await this.#client().read({
          apiVersion,
          kind,
          metadata: { name: metadata.name, namespace: metadata.namespace },
        }),
      );
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return undefined;
      throw said(error);
    }
  }

  async remove(properties: Properties): Promise<void> {
    const { apiVersion, kind, metadata } = properties;
    const { name, namespace } = metadata;
    try {
      // With those that it owns.
      await this.#client().delete(
        { apiVersion, kind, metadata: { name, namespace } },
        undefined,
        undefined,
        undefined,
        undefined,
        "Foreground",
      );
    } catch (error) {
      if (!(error instanceof ApiException && error.code === 404)) throw said(error);
    }
    await this.#until(`${kind} ${name} to be gone`, async () => (await this.read(properties)) === undefined);
  }

  async #apply(inputs: Properties): Promise<Properties> {
    try {
      const words = [undefined, undefined, MANAGER, true, PatchStrategy.ServerSideApply] as const;
      await this.#client().patch(inputs as never, ...words);
    } catch (error) {
      throw said(error);
    }
    let now = (await this.read(inputs)) ?? inputs;
    if (inputs.kind === "StatefulSet")
      await this.#until(`StatefulSet ${inputs.metadata.name} to be ready`, async () => {
        now = (await this.read(inputs)) ?? inputs;
        const { observedGeneration, readyReplicas = 0, updatedReplicas = 0 } = now.status ?? {};
        const wanted = inputs.spec.replicas;
        return observedGeneration >= now.metadata.generation && readyReplicas === wanted && updatedReplicas === wanted;
      });
    return { ...now, ...inputs };
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (this.#cancelled.signal.aborted) throw new Error(`cancelled while waiting for ${what}`);
      if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
      await sleep(200);
    }
  }

  #client(): KubernetesObjectApi {
    if (!this.#api) throw new Error("the provider is not configured");
    return this.#api;
  }
}

/** Dates become text, as on the wire. */
const plain = (value: object): Properties => JSON.parse(JSON.stringify(value));

function said(error: unknown): Error {
  if (!(error instanceof ApiException)) return error as Error;
  const body = typeof error.body === "string" ? error.body : JSON.stringify(error.body);
  try {
    return new Error(JSON.parse(body).message);
  } catch {
    return new Error(body);
  }
}
