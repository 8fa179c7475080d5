import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SnapshotRecord } from "../../adapters/role.ts";
import { type Bench, openBench, type UnderTest } from "./bench.ts";
import { events } from "./event-basics.ts";
import { allOf, eventually, expectInvalid } from "./expectations.ts";

async function* from(records: readonly SnapshotRecord[]) {
  yield* records;
}

/** What every product holds is the same records, which every other one takes. */
export function eventSnapshots(all: readonly UnderTest[]): void {
  describe("event snapshots", () => {
    let benches: Bench[];
    beforeAll(() => {
      benches = all.map(openBench);
    });
    afterAll(() => Promise.all(benches.map((one) => one.close())));
    const exportOf = (bench: Bench, tenant: string) => allOf(bench.fleet.event.export({ tenant }));

    /** Streams with everything that a snapshot must carry. */
    async function filled(bench: Bench): Promise<string> {
      const { event, tenant } = bench.fresh();
      for (const stream of ["b", "🚲", "\uffee", "a:1"])
        await event.append(stream, [
          { type: "first", data: { z: [1, null], a: "ü" }, id: `id-${stream}` },
          ...events(120),
        ]);
      await event.trim("b", { keep: 7 });
      await event.append("gone", events(4));
      await event.trim("gone", { keep: 0 });
      for (const group of ["g:1", "__proto__", "🚲", "\uffee"])
        await (await event.subscribe("b", { group, from: 121 }, () => {})).close();
      const held = await event.subscribe("🚲", { group: "failing", batch: 3 }, ({ version }) => {
        if (version === 2 || version === 5) throw new Error("never");
      });
      await eventually(async () => expect((await event.groups("🚲"))[0]).toMatchObject({ behind: 0, pending: 2 }));
      await held.close();
      await event.subscribe("none", { group: "g" }, () => {}).then((one) => one.close());
      return tenant;
    }

    for (const [at, source] of all.entries()) {
      it(`go from ${source.name} to every product and back, the same`, async () => {
        const bench = benches[at] as Bench;
        const tenant = await filled(bench);
        const records = await exportOf(bench, tenant);
        expect(records.filter(({ kind }) => kind === "stream").map(({ stream }) => stream)).toEqual([
          "a:1",
          "b",
          "gone",
          "\uffee",
          "🚲",
        ]);
        expect(records.filter(({ kind }) => kind === "group").map(({ stream, group }) => [stream, group])).toEqual([
          ["b", "__proto__"],
          ["b", "g:1"],
          ["b", "\uffee"],
          ["b", "🚲"],
          ["none", "g"],
          ["🚲", "failing"],
        ]);
        for (const target of benches) {
          const other = target.fresh();
          const moved = records.map((record) => ({ ...record, tenant: other.tenant }));
          for (let n = 0; n < 2; n++) {
            const counts = await target.fleet.event.import(from(moved));
            expect(counts).toEqual({ stream: 5, event: records.length - 11, group: 6 });
            expect(await exportOf(target, other.tenant)).toEqual(moved);
          }
          expect(JSON.stringify(await exportOf(target, other.tenant))).toBe(JSON.stringify(moved));
          // It lives on where it was.
          expect(await other.event.append("gone", events(1), { expectedVersion: 4 })).toEqual({ version: 5 });
          expect(await other.event.append("🚲", [{ type: "again", data: 1, id: "id-🚲" }])).toEqual({ version: 1 });
          const seen: number[] = [];
          await using _ = await other.event.subscribe(
            "🚲",
            { group: "failing" },
            ({ version }) => void seen.push(version),
          );
          await eventually(async () => expect(seen).toEqual([2, 5]));
        }
      });

      it(`take no record on ${source.name} that is not whole or out of place`, async () => {
        const bench = benches[at] as Bench;
        const { tenant, event } = bench.fresh();
        const stream = { kind: "stream", tenant, stream: "s", version: 3, at: "2026-01-31T12:00:00.000001Z" };
        const one = {
          kind: "event",
          tenant,
          stream: "s",
          version: 2,
          type: "t",
          data: 1,
          at: "2020-02-29T12:00:00.123456Z",
        };
        const group = { kind: "group", tenant, stream: "s", group: "g", version: 1, missed: 0, pending: [] };
        const bad: object[][] = [
          [one],
          [stream, one, one],
          [stream, { ...one, version: 3 }, one],
          [{ ...stream, kind: "chunk" }],
          [{ ...stream, tenant: "A" }],
          [{ ...stream, version: 0 }],
          [{ ...stream, at: "2026-01-31T12:00:00Z" }],
          [{ ...stream, at: "2026-13-31T12:00:00.000000Z" }],
          [{ ...stream, extra: 1 }],
          [stream, { ...one, data: undefined }],
          [stream, { ...one, type: "" }],
          [stream, { ...one, at: 5 }],
          [{ ...group, pending: 1 }],
          [{ ...group, pending: [{ version: 1 }] }],
          [{ ...group, version: -1 }],
          [null as never],
        ];
        for (const records of bad)
          await expectInvalid(bench.fleet.event.import(from(records as SnapshotRecord[])), JSON.stringify(records));
        const counts = await bench.fleet.event.import(from([stream, one, group] as SnapshotRecord[]));
        expect(counts).toEqual({ stream: 1, event: 1, group: 1 });
        expect(await exportOf(bench, tenant)).toEqual([stream, one, group]);
        expect(await bench.fleet.event.purge({ olderThanMs: 365 * 86_400_000 })).toEqual({ events: 1 });
        expect([await event.read("s"), await event.head("s")]).toEqual([[], 3]);
      });
    }

    it("of all tenants come in order of their ids", async () => {
      for (const bench of benches) {
        const made = [bench.fresh(), bench.fresh()];
        for (const { event } of made) await event.append("s", events(1));
        const records = await allOf(bench.fleet.event.export());
        const tenants = [...new Set(records.map(({ tenant }) => tenant))];
        expect(tenants).toEqual([...tenants].sort());
        for (const { tenant } of made) expect(tenants).toContain(tenant);
        await expectInvalid(allOf(bench.fleet.event.export({ tenant: "A" })), "tenant");
        await expectInvalid(allOf(bench.fleet.event.export({ stream: "s" } as object)), "unknown");
      }
    });
  });
}
