import { describe, expect, it } from "vitest";
import { canonical } from "../../adapters/canonical.ts";
import type { SnapshotRecord } from "../../adapters/role.ts";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";

/** Runs in every state that there is. */
async function fill({ run, tenant }: ReturnType<Bench["fresh"]>, fleet: Bench["fleet"]): Promise<void> {
  await run.createMany([
    { id: "queued", kind: tenant, state: { z: 1, a: [null, "ü🚲", -0.5e-7] }, priority: -5, notBefore: new Date(1e12) },
    { id: "later", kind: tenant, notBefore: new Date("2254-12-31T23:59:59.999Z"), parent: "queued" },
    ...["held", "done", "null", "failed", "retried", "cancelled", "unowned"].map((id) => ({ id, kind: tenant })),
    ...["\u{1f6b2}", "￿", "Z", "z", "é", "'\"\\", "9007199254740993"].map((id) => ({ id, kind: "names" })),
  ]);
  for (const { id, lease } of await run.claim({ worker: "größer", kinds: [tenant], limit: 50 })) {
    if (id === "done") await run.complete(id, lease.token, { deep: [[{ "": 0 }]] });
    if (id === "null") await run.complete(id, lease.token);
    if (id === "failed") await run.fail(id, lease.token, "it broke\n", { retry: false });
    if (id === "retried") await run.fail(id, lease.token, "");
    if (id === "queued") await run.release(id, lease.token);
    if (id === "unowned") await run.update(id, { status: "queued" }, { lease: lease.token });
  }
  await run.cancel("cancelled");
  await run.update("unowned", { status: "running", result: 1 }, { expectedVersion: 3 });
  expect((await run.get("held"))?.lease).toMatchObject({ worker: "größer" });
  expect(await fleet.run.tenants()).toContainEqual({ tenant, runs: 16 });
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const lines = (records: readonly SnapshotRecord[]) => records.map(canonical);

export function snapshots(bench: () => Bench): void {
  it("exports everything of a tenant in order, and imports it again over what is there", async () => {
    const { fleet } = bench();
    const [one, other] = [bench().fresh(), bench().fresh()];
    await fill(one, fleet);
    await other.run.create({ id: "other", kind: "k" });
    const exported = await allOf(fleet.run.export({ tenant: one.tenant }));
    const bytes = (id: string) => Buffer.from(id);
    const ids = exported.map(({ id }) => String(id));
    expect(ids).toEqual(ids.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b))));
    expect(exported).toHaveLength(16);
    expect(exported.find(({ id }) => id === "queued")).toMatchObject({
      ...{ kind: "run", tenant: one.tenant, runKind: one.tenant, notBefore: "2001-09-09T01:46:40.000000Z" },
      ...{ createdAt: expect.stringMatching(/T\d\d:\d\d:\d\d\.\d{6}Z$/), token: expect.any(Number), finishedAt: null },
    });
    const before = await one.run.get("held");
    await fleet.deleteTenant(one.tenant);
    await one.run.create({ id: "held", kind: "in the way" });
    expect(await fleet.run.import(each(exported))).toEqual({ run: 16 });
    expect(await fleet.run.import(each(exported))).toEqual({ run: 16 });
    expect(lines(await allOf(fleet.run.export({ tenant: one.tenant })))).toEqual(lines(exported));
    expect(await one.run.get("held")).toEqual(before);
    expect(await one.run.extend("held", before?.lease?.token ?? 0)).toBe(true); // its holder goes on
    const all = await allOf(fleet.run.export());
    const mine = all.filter(({ tenant }) => [one.tenant, other.tenant].includes(tenant));
    expect(mine.map(({ tenant }) => tenant)).toEqual(
      [...Array(16).fill(one.tenant), other.tenant].toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });

  it("exports more than a page holds, each run once", async () => {
    const { run, tenant } = bench().fresh();
    await run.createMany(Array.from({ length: 1_000 }, (_, n) => ({ id: `${n}`, kind: "k" })));
    await run.createMany(
      Array.from({ length: 15 }, (_, n) => ({ id: `x${n}`, kind: "k", state: "x".repeat(1_000_000) })),
    );
    await run.createMany(
      Array.from({ length: 10 }, (_, n) => ({ id: `y${n}`, kind: "k", state: "y".repeat(1_000_000) })),
    );
    const ids = (await allOf(bench().fleet.run.export({ tenant }))).map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([1_025, 1_025]);
  });

  it("refuses a record that is none of its own", async () => {
    const { run, tenant } = bench().fresh();
    await run.create({ id: "a", kind: "k" });
    const [good] = (await allOf(bench().fleet.run.export({ tenant }))) as [SnapshotRecord];
    await run.delete("a");
    const { version: _, ...without } = good;
    for (const bad of [
      null,
      { ...good, kind: "fact" },
      { ...good, tenant: "A" },
      { ...good, id: "" },
      { ...good, id: "a\0" },
      { ...good, runKind: 7 },
      { ...good, status: "done" },
      { ...good, state: undefined },
      { ...good, version: 0 },
      { ...good, attempt: 1.5 },
      { ...good, createdAt: "2026-01-31T12:00:00Z" },
      { ...good, createdAt: "2026-13-31T12:00:00.000000Z" },
      { ...good, notBefore: "9999-01-31T12:00:00.000000Z" },
      { ...good, finishedAt: good.createdAt as string },
      { ...good, status: "succeeded" },
      { ...good, worker: "w" },
      { ...good, worker: "w", leaseUntil: good.createdAt as string },
      { ...good, more: 1 },
      without,
    ])
      await expectInvalid(bench().fleet.run.import(each([bad as SnapshotRecord])), JSON.stringify(bad));
    expect((await run.list()).runs).toEqual([]);
  });
}

/** From each store into each other one, and out again. */
export function roundTrips(all: readonly UnderTest[]): void {
  describe("a snapshot of runs", () => {
    for (const from of all)
      it(`of ${from.name} is the same on every other store`, async () => {
        const source = openBench(from);
        const one = source.fresh();
        await fill(one, source.fleet);
        const exported = await allOf(source.fleet.run.export({ tenant: one.tenant }));
        for (const to of all.filter((under) => under !== from)) {
          const target = openBench(to);
          await target.fleet.run.import(each(exported));
          const back = await allOf(target.fleet.run.export({ tenant: one.tenant }));
          expect(lines(back), to.name).toEqual(lines(exported));
          await target.fleet.deleteTenant(one.tenant);
          await target.close();
        }
        await source.close();
      });
  });
}
