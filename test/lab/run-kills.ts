import { openFleet, openStores } from "../../adapters/index.ts";
import { type Kill, noKills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./run-writer.ts";

const TENANT = "durable-runs";

/** What a run has to have come to. */
interface Entry {
  step: number;
  token: number;
  result?: number;
}

/** Runs that go through their queue under kills, compared with what is stored. */
export async function killAndCompareRuns(url: string, fleetUrl: string, kill: Kill, kills: number): Promise<Outcome> {
  const ledger = new Map<string, Entry>();
  const outcome = noKills();
  await using fleet = openFleet({ RUN_URL: fleetUrl });
  await fleet.run.deleteTenant(TENANT);
  const hear = (told: Exclude<Told, { kind: "done" }>) => {
    if (told.kind === "refused") outcome.refused++;
    else note(ledger, told, outcome);
  };
  await underKills<Told>({ script: "run-writer.ts", words: [url, TENANT], hear }, outcome, kill, kills);
  outcome.lost.push(...(await compare(url, ledger)));
  await fleet.run.deleteTenant(TENANT);
  return outcome;
}

function note(ledger: Map<string, Entry>, told: Exclude<Told, { kind: "done" | "refused" }>, outcome: Outcome): void {
  outcome.acknowledged++;
  outcome.longest = Math.max(outcome.longest, told.milliseconds / 1_000);
  const entry = ledger.get(told.id) ?? { step: 0, token: 0 };
  if (told.kind === "claimed") {
    if (told.token <= entry.token) outcome.lost.push(`${told.id} was given token ${told.token} after ${entry.token}`);
    entry.token = told.token;
  } else if (told.kind === "kept") entry.step = told.step;
  else if (told.kind === "completed") entry.result = told.result;
  ledger.set(told.id, entry);
}

async function compare(url: string, ledger: ReadonlyMap<string, Entry>): Promise<string[]> {
  await using stores = openStores({ RUN_URL: url });
  const { run } = stores.tenant(TENANT);
  const lost: string[] = [];
  for (const [id, { step, result }] of ledger) {
    const found = await run.get(id);
    const kept = (found?.state as { step: number } | null)?.step ?? 0;
    const ended = result === undefined || (found?.status === "succeeded" && found.result === result);
    if (kept !== step || !ended)
      lost.push(`${id} is ${found?.status} at step ${kept}, acknowledged was ${step}, ${result}`);
  }
  const counted = (await run.counts()).reduce((sum, { count }) => sum + count, 0);
  if (counted !== ledger.size) lost.push(`${counted} runs are there, ${ledger.size} were acknowledged`);
  return lost;
}
