import fc from "fast-check";
import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";

const name = fc.constantFrom("a", "b", "a:b", "%", "é");
const step = fc.record({
  who: fc.nat(2),
  do: fc.constantFrom("put" as const, "put" as const, "many" as const, "delete" as const, "tenant" as const),
  name,
  n: fc.integer({ min: 1, max: 9 }),
});

/** What a tenant should hold: values by key, and how many rows its ended facts and changes are. */
class Model {
  readonly facts = new Map<string, number>();
  ended = 0;
  changes = 0;

  put(key: string, n: number): void {
    this.facts.set(key, n);
    this.changes++;
  }
  delete(key: string): boolean {
    const had = this.facts.delete(key);
    if (had) {
      this.ended++;
      this.changes++;
    }
    return had;
  }
  clear(): void {
    this.facts.clear();
    this.ended = 0;
    this.changes = 0;
  }
}

export function tenants(bench: () => Bench): void {
  it("shows each tenant its own, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const who = [bench().fresh(), bench().fresh(), bench().fresh()].map(({ tenant, memory }) => ({
          tenant,
          memory,
          model: new Model(),
        }));
        for (const one of steps) {
          const { tenant, memory, model } = who[one.who] as (typeof who)[number];
          if (one.do === "put") {
            model.put(one.name, one.n);
            await memory.put({ key: one.name, value: `n${one.n}`, agent: "shared" });
          } else if (one.do === "many") {
            for (const key of ["a", "b"]) model.put(key, one.n);
            await memory.putMany(["a", "b"].map((key) => ({ key, value: `n${one.n}`, agent: "shared" })));
          } else if (one.do === "delete") {
            expect(await memory.delete({ key: one.name })).toBe(model.delete(one.name));
          } else {
            const { memory: counts } = (await bench().fleet.deleteTenant(tenant)).counts;
            expect(counts).toMatchObject({ facts: model.facts.size + model.ended, changes: model.changes });
            model.clear();
          }
        }
        const all = await bench().fleet.memory.tenants();
        for (const { tenant, memory, model } of who) {
          const found = (await memory.search({ agent: "shared" })).facts;
          expect(new Map(found.map(({ key, value }) => [key, value]))).toEqual(
            new Map([...model.facts].map(([key, n]) => [key, `n${n}`])),
          );
          const threes = [...model.facts].filter(([, n]) => n === 3).map(([key]) => key);
          expect((await memory.search({ text: "n3" })).facts.map(({ key }) => key).sort()).toEqual(threes.sort());
          const kept = model.facts.size + model.ended > 0;
          expect(all.find((one) => one.tenant === tenant)?.facts).toBe(kept ? model.facts.size : undefined);
          await bench().fleet.deleteTenant(tenant);
        }
      }),
      { numRuns: 30 },
    );
  }, 120_000);

  it("keeps ids, cursors and histories of tenants apart, and deletes a tenant, once", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    const mine = await a.memory.put({ key: "k", value: "one two" });
    for (let n = 0; n < 3; n++) await b.memory.put({ key: `k${n}`, value: "one" });
    expect(await b.memory.delete({ id: mine.id })).toBe(false);
    expect(await b.memory.history("k")).toEqual([]);
    const { next } = await b.memory.search({ limit: 1 });
    expect((await a.memory.search({ after: next })).facts.map(({ key }) => key)).toEqual(["k"]);
    // fact, its kind, is a word of each
    expect((await bench().fleet.deleteTenant(b.tenant)).counts.memory).toEqual({ facts: 3, words: 9, changes: 3 });
    expect((await bench().fleet.deleteTenant(b.tenant)).counts.memory).toEqual({ facts: 0, words: 0, changes: 0 });
    expect(await a.memory.get("k")).toEqual(mine);
    expect((await b.memory.search()).facts).toEqual([]);
    expect(await b.memory.put({ key: "k0", value: 1 })).toMatchObject({ version: 1 });
    const left = (await bench().fleet.memory.tenants()).filter(({ tenant }) => [a.tenant, b.tenant].includes(tenant));
    expect(left).toEqual([a, b].map(({ tenant }) => ({ tenant, facts: 1 })));
    for (const id of ["", "A", "a:b", "*"]) await expectInvalid(bench().fleet.deleteTenant(id), id);
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "memory", ok: true, detail: expect.stringMatching(/\w/) });
  });
}
