import { setTimeout as sleep } from "node:timers/promises";
import type { Plan } from "../../components/plan.ts";
import type { Before } from "../stack/bring-up.ts";
import { initialise, mendMissing } from "../stack/credentials.ts";
import { deploy, destroy, recover, type Watched } from "../stack/deploy.ts";
import type { Servers, Where } from "../stack/servers.ts";
import { count, Failure, type Report, seconds } from "../terminal/report.ts";
import { checkCluster } from "./checks.ts";
import { type Cluster, isMissing, requireCluster } from "./cluster.ts";
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
      const fault = checks.find(({ result }) => result === "fault");
      if (fault) throw new Failure(fault.text, fault.mend);
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
  const uidOf = async () =>
    (
      await core
        .readNamespacedPod({ name, namespace })
        .catch((error) => (isMissing(error) ? undefined : Promise.reject(error)))
    )?.metadata?.uid;
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
  if (broken)
    await report.step("recover", "an earlier command was killed: putting the state right", async () => {
      await recover(stack);
      return "an earlier command was killed: its leftovers are put right";
    });
  const { made, missing } = await initialise(stack, plan);
  if (missing.length > 0)
    throw new Failure(`the settings ask for ${missing.map(({ name }) => name).join(", ")}`, mendMissing(missing));
  if (made.length > 0) report.line("ok", "secrets", `made ${count(made.length, "credential")}`);
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
    return `${changed > 0 ? count(changed, "change") : "no change"} in ${seconds(Date.now() - started)}`;
  });
  await ensureConnection(plan);
  const pods = await podsOf(cluster, stack);
  return new Map(
    pods
      .filter(({ product }) => !healthy.includes(product))
      .map(({ product, made, readyAt }) => [product, (readyAt - made) / 1000]),
  );
}
