import { checkInteger, checkTenant, isPlain, refuse } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import type { KeptChange } from "./backend.ts";
import type { MemoryFleet } from "./contract.ts";
import { changeRecord, factRecord, type Imported, type Lasting, readRecord } from "./snapshot.ts";

/** Where an export goes on: after this change, and after this fact. */
export type ChangePlace = Pick<KeptChange, "key" | "seq">;
export type FactPlace = Pick<Lasting, "key" | "deleted" | "id">;

/** What one protocol does across tenants. `memoryFleet` makes the contract's acts of it. */
export interface FleetBackend {
  tenants(): Promise<{ tenant: string; facts: number }[]>;
  deleteTenant(tenant: string): Promise<{ facts: number; words: number; changes: number }>;
  /** By key, then `seq`; none means the end. */
  changes(tenant: string, after: ChangePlace | undefined): Promise<KeptChange[]>;
  /** By key; of one key those that were deleted by id, then the other. None means the end. */
  facts(tenant: string, after: FactPlace | undefined): Promise<Lasting[]>;
  /** Removes everything of these keys. */
  clear(tenant: string, keys: readonly string[]): Promise<void>;
  /** Writes them over what has the same place: key and `seq`. */
  writeChanges(tenant: string, changes: readonly KeptChange[]): Promise<void>;
  /** Writes them over what has the same place: the id, and the key where both are there. */
  writeFacts(tenant: string, facts: readonly Lasting[]): Promise<void>;
  /** Removes some of a tenant's facts that ended longer ago, with their history; nothing when none is left. */
  purge(tenant: string, olderThanMs: number): Promise<{ facts: number; changes: number }>;
}

/** Records, and characters of them, that are written together. */
const MAX_BATCH = 500;
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_AGE = 315_576_000_000;

export function memoryFleet(backend: FleetBackend): MemoryFleet {
  return {
    async deleteTenant(tenant) {
      return { ...(await backend.deleteTenant(checkTenant(tenant))) };
    },
    tenants: () => backend.tenants(),
    async *export({ tenant } = {}) {
      const tenants = tenant === undefined ? (await backend.tenants()).map((one) => one.tenant) : [checkTenant(tenant)];
      for (const one of tenants) yield* exportTenant(backend, one);
    },
    import: (records) => importRecords(backend, records),
    async purge(options) {
      if (!isPlain(options)) refuse("memory", "purge needs an age.", "Give { olderThanMs }.");
      const olderThanMs = checkInteger("memory", options.olderThanMs, "olderThanMs", 0, MAX_AGE);
      const total = { facts: 0, changes: 0 };
      for (const { tenant } of await backend.tenants())
        for (;;) {
          const { facts, changes } = await backend.purge(tenant, olderThanMs);
          if (facts === 0) break;
          total.facts += facts;
          total.changes += changes;
        }
      return total;
    },
  };
}

async function* exportTenant(backend: FleetBackend, tenant: string): AsyncGenerator<SnapshotRecord> {
  for (let after: ChangePlace | undefined; ; ) {
    const page = await backend.changes(tenant, after);
    for (const one of page) yield changeRecord(tenant, one);
    after = page.at(-1);
    if (!after) break;
  }
  for (let after: FactPlace | undefined; ; ) {
    const page = await backend.facts(tenant, after);
    for (const one of page) yield factRecord(tenant, one);
    after = page.at(-1);
    if (!after) break;
  }
}

/** A key's history replaces the one that is there, and the facts that went with it, when its first change arrives. */
async function importRecords(backend: FleetBackend, records: AsyncIterable<SnapshotRecord>) {
  const counts = { change: 0, fact: 0 };
  let batch: Imported[] = [];
  let bytes = 0;
  let cleared = "";
  const write = async () => {
    const tenant = batch[0]?.tenant;
    if (tenant === undefined) return;
    const changes = batch.flatMap(({ change }) => change ?? []);
    const facts = batch.flatMap(({ fact }) => fact ?? []);
    const fresh = [...new Set(changes.map(({ key }) => key))].filter((key) => `${tenant} ${key}` !== cleared);
    if (fresh.length > 0) await backend.clear(tenant, fresh);
    if (changes.length > 0) {
      await backend.writeChanges(tenant, changes);
      cleared = `${tenant} ${changes.at(-1)?.key}`;
    }
    if (facts.length > 0) await backend.writeFacts(tenant, facts);
    counts.change += changes.length;
    counts.fact += facts.length;
    batch = [];
    bytes = 0;
  };
  for await (const record of records) {
    const read = readRecord(record);
    const first = batch[0];
    const other = first && (first.tenant !== read.tenant || (first.fact === undefined) !== (read.fact === undefined));
    if (other || batch.length >= MAX_BATCH || bytes > MAX_BYTES) await write();
    batch.push(read);
    bytes += JSON.stringify(record).length;
  }
  await write();
  return counts;
}
