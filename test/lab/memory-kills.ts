import { type MemoryStore, openStores } from "../../adapters/index.ts";
import { type Kill, noKills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./memory-writer.ts";

const TENANT = "durable";

/** Facts that are put and deleted under kills, compared with what is stored. The tenant `durable` must be empty. */
export async function killAndCompareMemory(url: string, kill: Kill, kills: number): Promise<Outcome> {
  const puts = new Map<string, number[]>();
  const deleted = new Set<string>();
  const outcome = noKills();
  const hear = (told: Exclude<Told, { kind: "done" }>) => {
    if (told.kind === "refused") {
      outcome.refused++;
      return;
    }
    outcome.longest = Math.max(outcome.longest, told.milliseconds / 1000);
    const keys = told.kind === "put" ? told.keys : [told.key];
    outcome.acknowledged += keys.length;
    for (const key of keys) {
      if (told.kind === "deleted") deleted.add(key);
      else deleted.delete(key);
      if (told.kind === "put") puts.set(key, [...(puts.get(key) ?? []), told.n]);
    }
  };
  await underKills<Told>({ script: "memory-writer.ts", words: [url, TENANT], hear }, outcome, kill, kills);
  await using stores = openStores({ MEMORY_URL: url });
  for (const [key, acknowledged] of puts)
    outcome.lost.push(...(await compare(stores.tenant(TENANT).memory, key, acknowledged, deleted.has(key))));
  return outcome;
}

async function compare(memory: MemoryStore, key: string, acknowledged: number[], deleted: boolean): Promise<string[]> {
  const lost: string[] = [];
  const numberOf = (value: unknown) => (value as { n: number } | undefined)?.n;
  const last = deleted ? undefined : acknowledged.at(-1);
  const found = numberOf((await memory.get(key))?.value);
  if (found !== last) lost.push(`${key} is ${found}, acknowledged was ${last}`);
  const text = `number${acknowledged.at(-1)} words`;
  const searched = (await memory.search({ text, prefix: key })).facts.filter((one) => one.key === key);
  if (numberOf(searched[0]?.value) !== last) lost.push(`${key} is not what a search for "${text}" finds`);
  const history: number[] = [];
  let seq: number | undefined;
  for (let before: number | undefined; before !== 1; before = seq) {
    const page = await memory.history(key, { limit: 1_000, before });
    for (const change of page) {
      if (seq !== undefined && change.seq !== seq - 1) lost.push(`${key} has a gap before change ${seq}`);
      seq = change.seq;
      if (change.after) history.push(numberOf(change.after.value) ?? 0);
    }
    if (page.length === 0) break;
  }
  if (seq !== 1) lost.push(`the history of ${key} begins with ${seq}`);
  // One that was not acknowledged may be there, once more than it was repeated.
  const kept = [...new Set(history.reverse())];
  if (kept.join() !== acknowledged.join())
    lost.push(`the history of ${key} has ${kept.length} puts, acknowledged were ${acknowledged.length}`);
  return lost;
}
