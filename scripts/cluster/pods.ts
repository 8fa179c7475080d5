import { setTimeout as sleep } from "node:timers/promises";
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { labelsOf } from "../../components/kubernetes.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";
import type { Cluster } from "./cluster.ts";

/** A pod of a stack, as the cluster has it. */
export interface Pod {
  name: string;
  product: string;
  ready: boolean;
  /** Running, Pending, or why its container does not run, e.g. CrashLoopBackOff. */
  state: string;
  restarts: number;
  /** When it was made, and when it was last found ready, in milliseconds since 1970. */
  made: number;
  readyAt: number;
}

const selectorOf = (stack: string) =>
  Object.entries(labelsOf(stack))
    .map(([label, value]) => `${label}=${value}`)
    .join(",");

const rawPods = async ({ core, namespace }: Cluster, stack: string): Promise<V1Pod[]> =>
  (await core.listNamespacedPod({ namespace, labelSelector: selectorOf(stack) })).items;

/** The stack's pods, by label. */
export const podsOf = async (cluster: Cluster, stack: string): Promise<Pod[]> =>
  (await rawPods(cluster, stack)).map(podOf);

function podOf({ metadata, status }: V1Pod): Pod {
  const [container] = status?.containerStatuses ?? [];
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return {
    name: metadata?.name ?? "",
    product: metadata?.labels?.["app.kubernetes.io/name"] ?? "",
    ready: ready?.status === "True" && metadata?.deletionTimestamp === undefined,
    state: metadata?.deletionTimestamp
      ? "Terminating"
      : (container?.state?.waiting?.reason ?? status?.phase ?? "unknown"),
    restarts: container?.restartCount ?? 0,
    made: Number(metadata?.creationTimestamp ?? 0),
    readyAt: Number(ready?.lastTransitionTime ?? 0),
  };
}

/** The last lines that a pod's server wrote, those of its last life where it has just been started again. */
export async function lastWords({ core, namespace }: Cluster, { name, restarts }: Pod, lines = 5): Promise<string> {
  const ask = (previous: boolean) =>
    core.readNamespacedPodLog({ namespace, name, previous, tailLines: lines }).catch(() => "");
  return ((restarts > 0 && (await ask(true))) || (await ask(false)) || "").trim();
}

/** How long a pod may find no place: a cluster that grows needs a while to say so. */
const UNPLACED_MS = 40_000;

/** Looks for what will not come right by itself while the stack comes up, until told to stop: the provider would wait ten minutes for it. Resolves to what broke. */
export async function watchForTrouble(cluster: Cluster, plan: Plan, stop: AbortSignal): Promise<Failure | undefined> {
  const since = Date.now();
  while (!stop.aborted) {
    // What cannot be asked just now is asked again.
    const trouble = await troubleOf(cluster, plan, since).catch(() => undefined);
    if (trouble) return trouble;
    await sleep(1000, undefined, { signal: stop }).catch(() => {});
  }
  return undefined;
}

async function troubleOf(cluster: Cluster, plan: Plan, since: number): Promise<Failure | undefined> {
  for (const pod of await rawPods(cluster, plan.stack)) {
    const failure = (await containerTrouble(cluster, plan, pod)) ?? placeTrouble(pod);
    if (failure) return failure;
  }
  const { items } = await cluster.core.listNamespacedEvent({
    namespace: cluster.namespace,
    fieldSelector: "type=Warning",
  });
  const refused = items.find((event) => event.reason === "FailedCreate" && lastSeen(event) >= since);
  if (!refused) return undefined;
  const product = refused.involvedObject.name;
  return new Failure(
    `the cluster makes no pod of ${product}: ${refused.message}`,
    "Have what it names mended (a quota, a rule of the namespace), or plan less: npm run up -- --set budgets.<product>.memory=…",
  );
}

const lastSeen = ({ lastTimestamp, eventTime }: CoreV1Event) =>
  Number(new Date(lastTimestamp ?? eventTime ?? 0)) + 1000;

const NO_IMAGE = ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];
const NO_CONTAINER = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

async function containerTrouble(cluster: Cluster, plan: Plan, raw: V1Pod): Promise<Failure | undefined> {
  const waiting = raw.status?.containerStatuses?.[0]?.state?.waiting;
  if (!waiting?.reason) return undefined;
  const pod = podOf(raw);
  const { product, restarts } = pod;
  const image = plan.services.find((service) => service.product === product)?.image;
  if (NO_IMAGE.includes(waiting.reason))
    return new Failure(
      `the node cannot get the image of ${product}: ${waiting.message ?? waiting.reason}`,
      `Bring ${image} where the nodes can pull it, or name another: npm run up -- --set images.${product}=<image>`,
    );
  if (NO_CONTAINER.includes(waiting.reason))
    return new Failure(
      `${product} cannot be started: ${waiting.message ?? waiting.reason}`,
      `Look: kubectl --context ${cluster.context} describe pod ${pod.name} -n ${cluster.namespace}`,
    );
  if (waiting.reason === "CrashLoopBackOff" && restarts >= 2)
    return new Failure(`${product} crashes whenever it starts`, `Its last lines:\n${await lastWords(cluster, pod)}`);
  return undefined;
}

function placeTrouble({ metadata, status }: V1Pod): Failure | undefined {
  const unplaced = status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (!unplaced || Date.now() - Number(metadata?.creationTimestamp ?? 0) < UNPLACED_MS) return undefined;
  const product = metadata?.labels?.["app.kubernetes.io/name"];
  return new Failure(
    `no node takes ${product}: ${unplaced.message}`,
    "Plan less (npm run up -- --set budgets.<product>.memory=…), or give the cluster what it lacks.",
  );
}
