import { openFleet, openStores } from "../../adapters/index.ts";
import { type Kill, noKills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./search-writer.ts";

export const DOCUMENTS = 20;
/** The text of an entry: its words say which it is, so that each version is found by them alone. */
export const textOf = (id: number, version: number) => `number${id} version${version}`;

const TENANTS = ["search-a", "search-b", "search-c"];

type Ledger = Map<string, Map<number, number>>;

/** Entries that are written and deleted under kills, each searched for by its words. */
export async function killAndSearch(url: string, fleetUrl: string, kill: Kill, kills: number): Promise<Outcome> {
  const ledger: Ledger = new Map(TENANTS.map((tenant) => [tenant, new Map<number, number>()]));
  const outcome = noKills();
  await using fleet = openFleet({ SEARCH_URL: fleetUrl });
  const empty = async () => {
    for (const tenant of TENANTS) await fleet.search.deleteTenant(tenant);
  };
  await empty();
  const writer = {
    script: "search-writer.ts",
    words: [url, ...TENANTS],
    hear: (told: Exclude<Told, { kind: "done" }>) => hear(told, ledger, outcome),
  };
  try {
    await underKills<Told>(writer, outcome, kill, kills);
    outcome.lost = await compare(url, ledger);
    return outcome;
  } finally {
    await empty();
  }
}

function hear(told: Exclude<Told, { kind: "done" }>, ledger: Ledger, outcome: Outcome): void {
  if (told.kind === "refused") {
    outcome.refused++;
    return;
  }
  outcome.longest = Math.max(outcome.longest, told.milliseconds / 1000);
  const rows = ledger.get(told.tenant) ?? new Map<number, number>();
  if (told.kind === "indexed") {
    for (const id of told.ids) rows.set(id, told.version);
    outcome.acknowledged += told.ids.length;
  } else for (const id of [...rows.keys()]) if (id % DOCUMENTS === told.document) rows.delete(id);
}

/** By the index, and by the entries themselves. */
async function compare(url: string, ledger: Ledger): Promise<string[]> {
  const stores = openStores({ SEARCH_URL: url });
  const lost: string[] = [];
  for (const [tenant, expected] of ledger) {
    const { search } = stores.tenant(tenant);
    if ((await search.count()) !== expected.size)
      lost.push(`${tenant} has ${await search.count()} entries, acknowledged were ${expected.size}`);
    for (const [id, version] of expected) {
      const { hits } = await search.query({ text: `number${id}`, fuzzy: "never" });
      const found = hits.map(({ text }) => text).join(", ");
      if (found !== textOf(id, version)) lost.push(`${tenant}: ${textOf(id, version)} is found as "${found}"`);
    }
    const all = await search.query({ text: "-nothing", limit: 1_000, fuzzy: "never" });
    if (all.hits.length !== expected.size) lost.push(`${tenant}: the index has ${all.hits.length} entries`);
  }
  await stores.close();
  return lost;
}
