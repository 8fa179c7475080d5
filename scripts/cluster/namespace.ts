import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Namespace } from "@kubernetes/client-node";
import { labelsOf, renderKubernetes } from "../../components/kubernetes.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";
import { type Cluster, ifThere, said } from "./cluster.ts";

const ROOT = "agent-stores/root";

/** The stack's namespace, if there is one. Throws a Failure when it is another's. */
export async function findNamespace(
  { core, namespace }: Cluster,
  { stack, root }: Pick<Plan, "stack" | "root">,
): Promise<V1Namespace | undefined> {
  const found = await ifThere(core.readNamespace({ name: namespace })).catch((error) => {
    throw new Failure(
      `the namespace ${namespace} cannot be read: ${said(error)}`,
      "Ask for the right to, or name another: npm run up -- --set namespace=<name>",
    );
  });
  if (!found) return undefined;
  const { labels = {}, annotations = {} } = found.metadata ?? {};
  const mend = "Name one of the stack's own: npm run up -- --set namespace=<name>";
  if (Object.entries(labelsOf(stack)).some(([label, value]) => labels[label] !== value))
    throw new Failure(`the namespace ${namespace} is there already, and not this stack's`, mend);
  const owner = annotations[ROOT];
  // A checkout that is not there any more has moved, and counts as this one.
  if (owner !== undefined && owner !== root && existsSync(owner))
    throw new Failure(`the namespace ${namespace} belongs to another checkout: ${owner}`, mend);
  if (found.status?.phase === "Terminating")
    throw new Failure(
      `the namespace ${namespace} is being deleted`,
      "Wait until it is gone, then type the same command again.",
    );
  return found;
}

/** Makes the stack's namespace unless it is there. */
export async function makeNamespace(cluster: Cluster, plan: Plan): Promise<void> {
  if (await findNamespace(cluster, plan)) return;
  try {
    await cluster.objects.create(renderKubernetes(plan).namespace as never);
  } catch (error) {
    throw new Failure(
      `the namespace ${cluster.namespace} cannot be made: ${said(error)}`,
      `Have it made by whoever may, with the labels ${Object.entries(labelsOf(plan.stack))
        .map(([label, value]) => `${label}=${value}`)
        .join(" ")}`,
    );
  }
}

/** Deletes the namespace and everything in it, claims with their data included, and waits until it is gone. */
export async function removeNamespace(cluster: Cluster, plan: Pick<Plan, "stack" | "root">): Promise<void> {
  const { core, namespace } = cluster;
  if (!(await findNamespace(cluster, plan))) return;
  await core.deleteNamespace({ name: namespace });
  const deadline = Date.now() + 120_000;
  while (await ifThere(core.readNamespace({ name: namespace }))) {
    if (Date.now() > deadline)
      throw new Failure(
        `the namespace ${namespace} is still being deleted after 120 s`,
        `Look what holds it: kubectl --context ${cluster.context} get all -n ${namespace}`,
      );
    await sleep(300);
  }
}
