import { CoreV1Api, KubeConfig, KubernetesObjectApi, StorageV1Api, VersionApi } from "@kubernetes/client-node";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";

/** A cluster that answers, through the context that the settings name. */
export interface Cluster {
  config: KubeConfig;
  context: string;
  namespace: string;
  version: string;
  core: CoreV1Api;
  storage: StorageV1Api;
  objects: KubernetesObjectApi;
}

const PATIENCE_MS = 5000;

/** The cluster of a plan, or a Failure that says what to type. Another context than the plan's is never used, whatever the kubeconfig's current one is. */
export async function requireCluster({ cluster }: Pick<Plan, "cluster">): Promise<Cluster> {
  const { context, namespace } = cluster;
  const config = new KubeConfig();
  config.loadFromDefault();
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context))
    throw new Failure(
      `the kubeconfig has no context ${JSON.stringify(context)}`,
      known.length > 0
        ? `It has: ${known.join(", ")}. Then: npm run up -- --set kubeContext=<name>`
        : "Make one first: kubectl config get-contexts shows none. A kubeconfig elsewhere: export KUBECONFIG=<file>",
    );
  config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server ?? "no server";
  try {
    const { gitVersion } = await hurried(config.makeApiClient(VersionApi).getCode());
    return {
      config,
      context,
      namespace,
      version: gitVersion,
      core: config.makeApiClient(CoreV1Api),
      storage: config.makeApiClient(StorageV1Api),
      objects: KubernetesObjectApi.makeApiClient(config),
    };
  } catch (error) {
    throw new Failure(
      `the API server of context ${context} (${server}) does not answer: ${said(error)}`,
      `Look yourself: kubectl --context ${context} version`,
    );
  }
}

async function hurried<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** What an API server or the way to it says, in one line. */
export function said(error: unknown): string {
  const { body, message = String(error), cause } = error as { body?: unknown; message?: string; cause?: unknown };
  if (typeof body === "string" && body !== "") {
    try {
      return (JSON.parse(body) as { message?: string }).message ?? body;
    } catch {
      return body.slice(0, 300);
    }
  }
  return [message, cause instanceof Error ? cause.message : ""].filter(Boolean).join(": ").split("\n")[0] ?? "";
}

/** What the API server answers, or undefined where it says that there is no such thing. */
export const ifThere = <T>(answer: Promise<T>): Promise<T | undefined> =>
  answer.catch((error) => {
    if ((error as { code?: number }).code === 404) return undefined;
    throw error;
  });
