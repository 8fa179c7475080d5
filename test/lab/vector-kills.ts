import { openFleet, openStores } from "../../adapters/index.ts";
import { type Kill, noKills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./vector-writer.ts";

const DOCUMENTS = 20;
const TENANTS = ["durable-a", "durable-b", "durable-c"];

/** Chunks that are written and deleted under kills, compared with what is stored. */
export async function killAndCompare(url: string, fleetUrl: string, kill: Kill, kills: number): Promise<Outcome> {
  const ledger = new Map(TENANTS.map((tenant) => [tenant, new Map<number, number>()]));
  const outcome = noKills();
  await using fleet = openFleet({ VECTOR_URL: fleetUrl });
  const empty = async () => {
    for (const tenant of TENANTS) await fleet.vector.deleteTenant(tenant);
  };
  await empty();
  const hear = (told: Exclude<Told, { kind: "done" }>) => {
    if (told.kind === "refused") {
      outcome.refused++;
      return;
    }
    outcome.longest = Math.max(outcome.longest, told.milliseconds / 1000);
    const rows = ledger.get(told.tenant) ?? new Map<number, number>();
    if (told.kind === "written") {
      for (const id of told.ids) rows.set(id, told.version);
      outcome.acknowledged += told.ids.length;
    } else for (const id of [...rows.keys()]) if (id % DOCUMENTS === told.document) rows.delete(id);
  };
  try {
    await underKills<Told>({ script: "vector-writer.ts", words: [url, ...TENANTS], hear }, outcome, kill, kills);
    outcome.lost = await compare(url, ledger);
    return outcome;
  } finally {
    await empty();
  }
}

async function compare(url: string, ledger: Map<string, Map<number, number>>): Promise<string[]> {
  const stores = openStores({ VECTOR_URL: url });
  const lost: string[] = [];
  for (const [tenant, expected] of ledger) {
    const { vector } = stores.tenant(tenant);
    const hits = await vector.query({ vector: Float32Array.from({ length: 32 }, (_, i) => i + 1), topK: 1_000 });
    const found = new Map(hits.map((hit) => [Number(hit.id), hit]));
    for (const id of new Set([...expected.keys(), ...found.keys()])) {
      const version = expected.get(id);
      const hit = found.get(id);
      const same = hit?.metadata.version === version && (!hit || hit.text === `version ${version} of ${id}`);
      if (!same) lost.push(`${tenant} ${id}: ${version}, ${hit?.text}`);
    }
    if ((await vector.count()) !== expected.size)
      lost.push(`${tenant}: ${expected.size} chunks, ${await vector.count()}`);
    if ((await vector.count({ version: { gte: 0 } })) !== expected.size) lost.push(`${tenant}: metadata`);
  }
  await stores.close();
  return lost;
}
