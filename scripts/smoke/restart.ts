import { setTimeout as sleep } from "node:timers/promises";
import { $ } from "zx";
import { StoreError } from "../../adapters/errors.ts";
import { row } from "../../components/catalogue/index.ts";
import { containerName } from "../../components/docker.ts";
import type { Plan } from "../../components/plan.ts";
import { requireEngine } from "../machine/engine.ts";
import { Failure, seconds } from "../terminal/report.ts";

/** Restarts every container of the plan, and waits until `pings` answer again. Resolves to what was seen. */
export async function restartContainers(plan: Plan, pings: readonly (() => Promise<unknown>)[]): Promise<string> {
  const { host } = await requireEngine(plan.engineHost);
  const started = performance.now();
  let patience = 0;
  for (const { product } of plan.services) {
    const { stop, startup } = row(product).container ?? { stop: { grace: 0 }, startup: 0 };
    patience = Math.max(patience, startup);
    const name = containerName(plan.stack, product);
    const { exitCode, stderr } = await $({
      quiet: true,
      nothrow: true,
    })`docker --host ${host} restart -t ${stop.grace} ${name}`;
    if (exitCode !== 0)
      throw new Failure(
        `the container ${name} cannot be restarted: ${stderr.trim().split("\n").at(-1)}`,
        "Type: npm run up",
      );
  }
  const restarted = performance.now();
  for (const ping of pings) await untilAnswered(ping, restarted + patience * 1000);
  return `restarted in ${seconds(restarted - started)}, the open client answered ${seconds(performance.now() - restarted)} later`;
}

/** Only a server that is not there yet is waited for; anything else it says is its answer. */
async function untilAnswered(ping: () => Promise<unknown>, deadline: number): Promise<void> {
  for (;;) {
    try {
      await ping();
      return;
    } catch (error) {
      const starting = error instanceof StoreError && (error.code === "unavailable" || error.code === "timeout");
      if (!starting || performance.now() > deadline) throw error;
    }
    await sleep(50);
  }
}
