import { setTimeout as sleep } from "node:timers/promises";
import { openTraces } from "../../adapters/index.ts";
import { type Kill, noKills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./trace-writer.ts";

/** How long what was acknowledged may be on its way from the collector's disk to the product, in milliseconds. */
const PATIENCE = 60_000;

/** Spans that are sent under kills, compared with what is found. */
export async function killAndCompareSpans(endpoint: string, url: string, kill: Kill, kills: number): Promise<Outcome> {
  const sent: string[] = [];
  const outcome = noKills();
  const hear = (told: Exclude<Told, { kind: "done" }>) => {
    if (told.kind === "refused") outcome.refused++;
    else {
      sent.push(told.traceId);
      outcome.acknowledged++;
      outcome.longest = Math.max(outcome.longest, told.milliseconds / 1_000);
    }
  };
  await underKills<Told>({ script: "trace-writer.ts", words: [endpoint], hear }, outcome, kill, kills);
  await using traces = openTraces({ TRACE_URL: url });
  const deadline = performance.now() + PATIENCE;
  for (const traceId of sent) {
    let found = await traces.find(traceId);
    for (; found.length === 0 && performance.now() < deadline; found = await traces.find(traceId)) await sleep(100);
    if (found.length === 0) outcome.lost.push(`trace ${traceId} is not there`);
    if (found.length > 1) outcome.lost.push(`trace ${traceId} has ${found.length} spans, one was sent`);
  }
  return outcome;
}
