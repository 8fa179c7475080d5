import fc from "fast-check";
import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";

const name = fc.constantFrom("a", "b", ":", "a:b", "value:a", "*");
const step = fc.record({
  who: fc.nat(2),
  do: fc.constantFrom(
    "set" as const,
    "delete" as const,
    "count" as const,
    "append" as const,
    "rank" as const,
    "tenant" as const,
  ),
  name,
  n: fc.integer({ min: 1, max: 9 }),
});

/** What a tenant should hold. */
class Model {
  readonly values = new Map<string, number>();
  readonly counters = new Map<string, number>();
  readonly lists = new Map<string, number[]>();
  readonly scores = new Map<string, number>();

  get names(): number {
    return this.values.size + this.counters.size + this.lists.size + (this.scores.size > 0 ? 1 : 0);
  }
  clear(): void {
    for (const kind of [this.values, this.counters, this.lists, this.scores]) kind.clear();
  }
}

export function tenants(bench: () => Bench): void {
  it("shows each tenant its own, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const who = [bench().fresh(), bench().fresh(), bench().fresh()].map(({ tenant, session }) => ({
          tenant,
          session,
          model: new Model(),
        }));
        for (const one of steps) {
          const { tenant, session, model } = who[one.who] as (typeof who)[number];
          if (one.do === "set") {
            model.values.set(one.name, one.n);
            await session.set(one.name, one.n);
          } else if (one.do === "delete") {
            expect(await session.delete(one.name)).toBe(model.values.delete(one.name));
          } else if (one.do === "count") {
            model.counters.set(one.name, (model.counters.get(one.name) ?? 0) + one.n);
            expect(await session.increment(one.name, one.n)).toBe(model.counters.get(one.name));
          } else if (one.do === "append") {
            model.lists.set(one.name, [...(model.lists.get(one.name) ?? []), one.n]);
            await session.append(one.name, [one.n]);
          } else if (one.do === "rank") {
            model.scores.set(one.name, one.n);
            await session.setScore("r", one.name, one.n);
          } else {
            const { session: counts } = (await bench().fleet.deleteTenant(tenant)).counts;
            expect(Object.values(counts ?? {}).reduce((sum, n) => sum + n, 0)).toBe(model.names);
            model.clear();
          }
        }
        const all = await bench().fleet.session.tenants();
        for (const { tenant, session, model } of who) {
          expect((await allOf(session.keys())).sort()).toEqual([...model.values.keys()].sort());
          for (const [key, value] of model.values) expect(await session.get(key)).toBe(value);
          for (const [list, values] of model.lists)
            expect((await session.messages(list)).map(({ value }) => value)).toEqual(values);
          const ranked = (await session.ranking("r")).map(({ member, score }) => [member, score]);
          expect(new Map(ranked as [string, number][])).toEqual(model.scores);
          expect(all.find((one) => one.tenant === tenant)?.keys ?? 0).toBe(model.names);
          await bench().fleet.deleteTenant(tenant);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("keeps locks, buckets and channels apart, and deletes a tenant, once", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    const heard: string[] = [];
    await using _a = await a.session.subscribe("c", () => void heard.push("a"));
    await using _b = await b.session.subscribe("c", () => void heard.push("b"));
    for (const { session } of [a, b]) {
      const lock = await session.lock("l");
      expect(await session.set("k", 1, { fence: lock })).toBe(true);
      expect(await session.rateLimit("r", { limit: 1, windowMs: 60_000 })).toMatchObject({ allowed: true });
      await session.append("m", [1]);
      await session.increment("n");
      await session.setScore("s", "m", 1);
    }
    await b.session.publish("c", 1);
    await expect.poll(() => heard).toEqual(["b"]);
    const counts = { values: 1, lists: 1, counters: 1, buckets: 1, locks: 1, rankings: 1 };
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.session).toEqual(counts);
    const nothing = Object.fromEntries(Object.keys(counts).map((kind) => [kind, 0]));
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.session).toEqual(nothing);
    expect([await a.session.get("k"), await b.session.get("k")]).toEqual([undefined, 1]);
    const left = (await bench().fleet.session.tenants()).filter(({ tenant }) => [a.tenant, b.tenant].includes(tenant));
    expect(left).toEqual([{ tenant: b.tenant, keys: 6 }]);
    expect(await a.session.lock("l")).toBeDefined();
    for (const id of ["", "A", "a:b", "*"]) await expectInvalid(bench().fleet.deleteTenant(id), id);
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "session", ok: true, detail: expect.stringMatching(/\w/) });
    const { session } = bench().fresh();
    for (const [name, can] of Object.entries(session.can))
      expect(session.why[name as "durable"] === undefined, name).toBe(can);
  });
}
