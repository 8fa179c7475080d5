import { setTimeout as sleep } from "node:timers/promises";
import type { Plan } from "../../components/plan.ts";
import { requireNoFault } from "../machine/checks.ts";
import { type Before, changesSince, makeCredentials, recovering } from "../stack/bring-up.ts";
import { isInitialised } from "../stack/credentials.ts";
import { deploy, destroy, recover, type Watched } from "../stack/deploy.ts";
import type { Servers, Where } from "../stack/servers.ts";
import { Failure, type Report } from "../terminal/report.ts";
import { checkCluster } from "./checks.ts";
import { type Cluster, ifThere, requireCluster } from "./cluster.ts";
import { disconnect, ensureConnection, holderOf } from "./connection.ts";
import { runInside, runInteractive } from "./exec.ts";
import { readLog } from "./log.ts";
import { findNamespace, makeNamespace, removeNamespace } from "./namespace.ts";
import { lastWords, podsOf, watchForTrouble } from "./pods.ts";

/** A stack's servers on the cluster whose context its settings name. */
export async function onCluster(where: Where): Promise<Servers> {
  const { stack } = where;
  const cluster = await requireCluster(where);
  const look = (plan: Plan) => {
    const ours = holderOf(stack) ? plan.services.flatMap(({ ports }) => Object.values(ports)) : [];
    return checkCluster(plan, cluster, new Set(ours));
  };
  const pod = (product: string) => ({ name: `${product}-0`, container: product });
  return {
    noun: "pod",
    title: `kubernetes ${cluster.version} · context ${cluster.context} · namespace ${cluster.namespace}`,
    look,
    async check(plan) {
      const checks = await look(plan);
      requireNoFault(checks);
      return checks
        .filter(({ name }) => name !== "ports")
        .map(({ text }) => text)
        .join(" · ");
    },
    makeGround: (plan) => makeNamespace(cluster, plan),
    bringUp: (plan, report, before) => bringUp(plan, cluster, report, before),
    async takeDown(plan, broken) {
      await findNamespace(cluster, where);
      await disconnect(stack);
      if (broken) await recover(stack);
      await deploy(plan, podsOfUpdate(cluster, plan), broken);
    },
    async remove(broken) {
      await findNamespace(cluster, where);
      await disconnect(stack);
      if (broken) await recover(stack);
      await destroy(stack);
      await removeNamespace(cluster, where);
    },
    list: async () =>
      (await podsOf(cluster, stack)).map(({ product, ready, state }) => ({
        product,
        state: ready ? "running, ready" : state === "Running" ? "starting" : state,
        running: state === "Running",
        healthy: ready,
      })),
    restart: (product) => restartPod(cluster, product),
    inside: (product, program, input) => runInside(cluster, pod(product), program, input),
    interactive: (product, program, env) => runInteractive(cluster, pod(product), program, env),
    log: (product, wanted, take, signal) => readLog(cluster, pod(product), wanted, take, signal),
    async lastWords(product) {
      const found = (await podsOf(cluster, stack)).find((one) => one.product === product);
      return found ? lastWords(cluster, found) : "";
    },
  };
}

/** Deletes a product's pod, in whose place the cluster makes another. Resolves when the old one has ended: until then it still answers. */
async function restartPod({ core, namespace }: Cluster, product: string): Promise<void> {
  const name = `${product}-0`;
  const uidOf = async () => (await ifThere(core.readNamespacedPod({ name, namespace })))?.metadata?.uid;
  const before = await uidOf();
  if (before === undefined) throw new Failure(`the pod ${name} is not there`, "Type: npm run up");
  await core.deleteNamespacedPod({ name, namespace });
  while ((await uidOf()) === before) await sleep(100);
}

/** The cluster's pods, as an update sees them. */
const podsOfUpdate = (cluster: Cluster, plan: Plan): Watched => ({
  interrupts: true,
  watch: (stop) => watchForTrouble(cluster, plan, stop),
  async explain(why) {
    const pod = (await podsOf(cluster, plan.stack)).find(({ ready }) => !ready);
    if (!pod) return undefined;
    const words = (await lastWords(cluster, pod)) || why;
    return new Failure(
      `${pod.product} did not become ready (${pod.state})`,
      `Its last lines:\n${words}\nThen: npm run doctor`,
    );
  },
});

async function bringUp(
  plan: Plan,
  cluster: Cluster,
  report: Report,
  { broken, wasRunning }: Before,
): Promise<ReadonlyMap<string, number>> {
  const { stack } = plan;
  // A first command may have been killed before it had made the stack.
  if (broken && isInitialised(stack)) await recovering(report, () => recover(stack));
  await makeCredentials(plan, report);
  const healthy = (await podsOf(cluster, stack)).filter(({ ready }) => ready).map(({ product }) => product);
  const started = Date.now();
  await makeNamespace(cluster, plan);
  await report.step("pulumi", "pulumi up", async () => {
    // Somebody may have deleted what Pulumi believes to be there.
    const changed = await deploy(
      plan,
      podsOfUpdate(cluster, plan),
      wasRunning && healthy.length < plan.services.length,
    );
    return changesSince(started, changed);
  });
  await ensureConnection(plan);
  const pods = await podsOf(cluster, stack);
  return new Map(
    pods
      .filter(({ product }) => !healthy.includes(product))
      .map(({ product, made, readyAt }) => [product, (readyAt - made) / 1000]),
  );
}
