import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../../adapters/errors.ts";
import { row } from "../../components/catalogue/index.ts";
import type { Plan } from "../../components/plan.ts";
import { serversOf } from "../stack/servers.ts";
import { seconds } from "../terminal/report.ts";

/** Restarts every server of the plan, and waits until `pings` answer again. Resolves to what was seen. */
export async function restartServers(plan: Plan, pings: readonly (() => Promise<unknown>)[]): Promise<string> {
  const servers = await serversOf(plan);
  const started = performance.now();
  for (const { product } of plan.services) await servers.restart(product);
  const restarted = performance.now();
  const patience = Math.max(0, ...plan.services.map(({ product }) => row(product).container?.startup ?? 0));
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
