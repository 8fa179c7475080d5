import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RoleFleet, SnapshotRecord } from "../../adapters/role.ts";
import { type Bench, openBench } from "./bench.ts";
import { expectInvalid, refused } from "./expectations.ts";
import { FILL, linesOf, memoryBlobs, NAMES, recordsOf } from "./portable-fixture.ts";
import type { OpenRole } from "./servers.ts";
import { storesUnderTest } from "./under-test.ts";

// A role's export is the same bytes on every product: each is filled alike, and what one exports goes through all the others and back.

const KINDS =
  "chunk document value message counter list score fence artifact change fact run stream event group entry".split(" ");

/** What the stores' own clocks, tokens and ids make different. */
const timeless = (lines: readonly string[]) =>
  lines.map((line) =>
    line
      .replaceAll(/"(\d{4}-[^"]*Z|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})"/g, '"…"')
      .replaceAll(/"token":[1-9]\d*/g, '"token":1'),
  );

for (const role of Object.keys(FILL) as OpenRole[]) {
  const all = await storesUnderTest(role);
  describe(`${role} is portable`, { timeout: 300_000 }, () => {
    const tenant = `portable-${process.pid}-a`;
    const other = `portable-${process.pid}-b`;
    let benches: Bench[] = [];
    const fleetOf = (bench: Bench): RoleFleet => bench.fleet[role];
    beforeAll(async () => {
      benches = all.map(openBench);
      for (const { stores } of benches) for (const one of [other, tenant]) await FILL[role]?.(stores.tenant(one));
    }, 120_000);
    afterAll(async () => {
      for (const bench of benches) {
        for (const one of [tenant, other]) await bench.fleet.deleteTenant(one);
        await bench.close();
      }
    });

    it("gives the same records for the same content, in order", async () => {
      const [first = [], ...others] = await Promise.all(
        benches.map(async (bench) => timeless(await linesOf(fleetOf(bench).export({ tenant })))),
      );
      expect(first.length).toBeGreaterThan(NAMES.length - 3);
      for (const [i, lines] of others.entries()) expect(lines, all[i + 1]?.name).toEqual(first);
      const kinds = [...new Set(first.map((line) => JSON.parse(line).kind))];
      const keys = first.map((line) => {
        const {
          kind,
          id,
          key,
          name,
          lock,
          list,
          ranking,
          path,
          stream,
          member = "",
          group = "",
          ...rest
        } = JSON.parse(line);
        const first = stream ?? key ?? id ?? name ?? lock ?? list ?? ranking ?? path;
        const n = kind === "event" ? rest.version : (rest.seq ?? 0);
        return [kinds.indexOf(kind), first, String(n).padStart(9), member, group].join("\0");
      });
      expect(keys).toEqual([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    });

    it("goes through every product and back, the same to the byte", async () => {
      const blobs = memoryBlobs();
      const start = await linesOf(fleetOf(benches[0] as Bench).export({ tenant, blobs }));
      let lines = start;
      for (const bench of [...benches.slice(1), benches[0] as Bench]) {
        await bench.fleet.deleteTenant(tenant);
        const counts = await fleetOf(bench).import(recordsOf(lines), blobs);
        expect(
          Object.values(counts).reduce((sum, n) => sum + n, 0),
          bench.under.name,
        ).toBe(lines.length);
        lines = await linesOf(fleetOf(bench).export({ tenant }));
        expect(lines, bench.under.name).toEqual(start);
      }
    });

    it("is imported twice as once, and leaves other tenants alone", async () => {
      for (const bench of benches) {
        const blobs = memoryBlobs();
        const fleet = fleetOf(bench);
        const beside = await linesOf(fleet.export({ tenant: other }));
        const lines = await linesOf(fleet.export({ tenant, blobs }));
        await fleet.import(recordsOf(lines), blobs);
        await fleet.import(recordsOf(lines.slice(0, 5)), blobs).catch(() => {}); // as one that was killed
        await fleet.import(recordsOf(lines), blobs);
        expect(await linesOf(fleet.export({ tenant })), bench.under.name).toEqual(lines);
        expect(await linesOf(fleet.export({ tenant: other })), bench.under.name).toEqual(beside);
        const mine = (await linesOf(fleet.export())).filter((line) => line.includes(`"tenant":"${tenant}"`));
        expect(mine, bench.under.name).toEqual(lines);
      }
    });

    it("refuses what is no record of its own", async () => {
      const wrong = [
        { kind: "nothing", tenant },
        { kind: "nothing", tenant: "../x" },
        { kind: 1, tenant },
        { tenant },
        null,
        "text",
        ...KINDS.map((kind) => ({ kind, tenant })),
      ];
      for (const bench of benches) {
        for (const one of wrong) {
          const records = (async function* () {
            yield one as unknown as SnapshotRecord;
          })();
          await expectInvalid(fleetOf(bench).import(records, memoryBlobs()), JSON.stringify(one));
        }
        expect(() => fleetOf(bench).import(recordsOf([]))).not.toThrow();
        const bad = fleetOf(bench).export({ tenant: "A/.." })[Symbol.asyncIterator]();
        await expect(bad.next()).rejects.toMatchObject(refused("invalid"));
      }
    });
  });
}

describe("session", async () => {
  const all = await storesUnderTest("session");
  it.each(all)("on $name: what has ended meanwhile is gone, with what was under its name", async (under) => {
    const bench = openBench(under);
    const { tenant, session } = bench.fresh();
    const [ended, later] = ["2026-01-31T12:00:00.000000Z", new Date(Date.now() + 86_400_000).toISOString()];
    const at = ended;
    const expiresAt = later.replace("Z", "000Z");
    for (const name of ["ended", "later"]) {
      await session.set(name, "old");
      await session.increment(name);
      await session.append(name, ["old"]);
    }
    const records = [
      { kind: "counter", tenant, name: "ended", value: 5, expiresAt: ended },
      { kind: "counter", tenant, name: "later", value: 5, expiresAt },
      { kind: "list", tenant, name: "ended", expiresAt: ended },
      { kind: "list", tenant, name: "later", expiresAt },
      { kind: "message", tenant, list: "ended", seq: 3, at, value: "new" },
      { kind: "message", tenant, list: "later", seq: 3, at, value: "new" },
      { kind: "message", tenant, list: "never", seq: 3, at, value: "new" },
      { kind: "value", tenant, key: "ended", value: "new", expiresAt: ended },
      { kind: "value", tenant, key: "later", value: "new", expiresAt },
    ];
    const counts = await bench.fleet.session.import(recordsOf(records.map((one) => JSON.stringify(one))));
    expect(counts).toEqual({ counter: 1, list: 1, message: 1, value: 1 });
    expect([await session.get("ended"), await session.get("later")]).toEqual([undefined, "new"]);
    expect([await session.counter("ended"), await session.counter("later")]).toEqual([0, 5]);
    expect([await session.messages("ended"), await session.messages("never")]).toEqual([[], []]);
    expect(await session.messages("later")).toEqual([{ seq: 3, at: new Date(at), value: "new" }]);
    expect(await session.append("later", ["next"])).toEqual({ seq: 4, length: 2 });
    expect(await session.ttl("later")).toBeGreaterThan(86_000_000);
    const lock = await session.lock("guard", { autoExtend: false });
    const tokens = await linesOf(bench.fleet.session.export({ tenant }));
    await bench.fleet.deleteTenant(tenant);
    await bench.fleet.session.import(recordsOf(tokens));
    const next = await session.lock("guard"); // nobody holds it, and its token is greater
    expect(next?.token).toBeGreaterThan(lock?.token ?? Infinity);
    await next?.release();
    await bench.close();
  });
});
