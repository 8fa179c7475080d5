import { expect, it } from "vitest";
import { type MemoryStore, openFleet, openStores } from "../../adapters/index.ts";
import type { SnapshotRecord } from "../../adapters/role.ts";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";
import { soon } from "./memory-basics.ts";

async function* from(records: readonly SnapshotRecord[]) {
  yield* records;
}

const KEYS = ["k", "a", "\uffff", "\u{1f600}", "é", "10", "9", "K", " "];

/** Facts of every kind: live, replaced, deleted, expired, and one put in the place of each. */
async function fill(memory: MemoryStore): Promise<void> {
  await memory.putMany(
    KEYS.map((key, n) => ({ key, value: { z: n, a: [key, null, 0.1, 1e300], "10": 1 }, source: "s" })),
  );
  for (const key of KEYS.slice(0, 4))
    await memory.put({ key, value: `second ${key}`, agent: "x", confidence: 1 / 3 }, { actor: "y" });
  for (const key of KEYS.slice(1, 3)) await memory.delete({ key }, { actor: "z" });
  await memory.put({ key: "a", value: "after a delete", expiresAt: soon(7_200_000) });
  await memory.delete({ key: "a" });
  await memory.put({ key: "a", value: null });
  await memory.put({ key: "past", value: "past", expiresAt: new Date(1) });
  await memory.put({ key: "past", value: "past again", expiresAt: new Date(1) });
  await memory.putMany(Array.from({ length: 450 }, (_, n) => ({ key: `many ${n}`, value: "many" })));
}

export function snapshots(bench: () => Bench): void {
  it("exports a tenant in order, and takes it back as it was", async () => {
    const { memory, tenant } = bench().fresh();
    const { memory: fleet } = bench().fleet;
    await fill(memory);
    const records = await allOf(fleet.export({ tenant }));
    const texts = records.map((one) => Buffer.from(`${one.kind} ${one.key}`));
    expect([...texts].sort(Buffer.compare)).toEqual(texts);
    expect(new Set(records.map((one) => one.tenant))).toEqual(new Set([tenant]));
    const seen = async () => [
      (await memory.search({ limit: 1_000 })).facts,
      (await memory.search({ text: "second" })).facts,
      await Promise.all([...KEYS, "past"].map((key) => memory.history(key))),
    ];
    const before = await seen();
    await bench().fleet.deleteTenant(tenant);
    const counts = { change: 471, fact: 463 };
    expect(await fleet.import(from(records))).toEqual(counts);
    expect(await allOf(fleet.export({ tenant }))).toEqual(records);
    expect(await seen()).toEqual(before);
    // Over what has changed since, and again.
    await memory.delete({ key: "k" });
    await memory.put({ key: "k", value: "other words" });
    await memory.put({ key: "k", value: "other words" });
    await memory.put({ key: "not in it", value: 1 });
    for (let twice = 0; twice < 2; twice++) expect(await fleet.import(from(records))).toEqual(counts);
    expect(await memory.get("not in it")).toBeDefined();
    await memory.delete({ key: "not in it" });
    expect(await seen()).toEqual(before);
    expect((await memory.search({ text: "other" })).facts).toEqual([]);
    expect(await memory.put({ key: "k", value: 1 })).toMatchObject({ version: 3 });
    expect(await memory.history("k")).toMatchObject([{ seq: 3 }, { seq: 2 }, { seq: 1 }]);
  });

  it("refuses records that are none of its own", async () => {
    const { memory, tenant } = bench().fresh();
    const { memory: fleet } = bench().fleet;
    await memory.put({ key: "k", value: 1 });
    await memory.delete({ key: "k" });
    const [put, deleted, fact] = (await allOf(fleet.export({ tenant }))) as [
      SnapshotRecord,
      SnapshotRecord,
      SnapshotRecord,
    ];
    const inner = fact.fact as Record<string, never>;
    const bad: unknown[] = [
      null,
      {},
      { ...fact, tenant: "../x" },
      { ...fact, kind: "fax" },
      { ...fact, key: "" },
      { ...fact, key: "\0" },
      { ...fact, deletedAt: "yesterday" },
      { ...fact, deletedAt: "2026-02-30T00:00:00.000000Z" },
      { ...fact, fact: null },
      { ...fact, fact: { ...inner, id: "1" } },
      { ...fact, fact: { ...inner, version: 0 } },
      { ...fact, fact: { ...inner, confidence: 2 } },
      { ...fact, fact: { ...inner, value: "\ud800" } },
      { ...put, seq: 1.5 },
      { ...put, fact: null },
      { ...put, id: "00000000-0000-4000-8000-000000000000" },
      { ...put, action: "drop" },
      { ...deleted, fact: put.fact },
    ];
    for (const one of bad) await expectInvalid(fleet.import(from([one as SnapshotRecord])), JSON.stringify(one));
    for (const options of [undefined, {}, { olderThanMs: -1 }, { olderThanMs: 0.5 }, { olderThanMs: "1" }])
      await expectInvalid(fleet.purge(options as { olderThanMs: number }), JSON.stringify(options));
    expect(await allOf(fleet.export({ tenant }))).toEqual([put, deleted, fact]);
  });
}

/** From each product into each other one. */
export function moves(all: readonly UnderTest[]): void {
  for (const source of all)
    for (const target of all)
      if (source !== target)
        it(`move from ${source.name} to ${target.name} byte for byte`, async () => {
          const bench = openBench(source);
          const tenants = [bench.fresh(), bench.fresh()];
          for (const { memory } of tenants) await fill(memory);
          const text = async (fleet: Bench["fleet"], tenant: string) =>
            (await allOf(fleet.memory.export({ tenant }))).map((record) => JSON.stringify(record)).join("\n");
          await using fleet = openFleet(target.admin);
          await using stores = openStores(target.app);
          for (const { tenant, memory } of tenants) {
            const before = await text(bench.fleet, tenant);
            await fleet.memory.import(bench.fleet.memory.export({ tenant }));
            expect(await text(fleet, tenant)).toBe(before);
            const moved = stores.tenant(tenant).memory;
            const search = { text: "many", limit: 1_000 };
            expect(await moved.search(search)).toEqual(await memory.search(search));
            await fleet.deleteTenant(tenant);
          }
          await bench.close();
        });
}
