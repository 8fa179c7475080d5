import { expect, it } from "vitest";
import type { MemoryStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";

const found = async (memory: MemoryStore, search = {}) =>
  (await memory.search(search)).facts.map(({ key, value }) => [key, value]).sort();

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.memory.tenants()).find(({ tenant }) => tenant === large.tenant)?.facts ?? 0;
    for (const [{ memory }, value] of [
      [large, "large"],
      [one, "one"],
      [other, "other"],
    ] as const) {
      await memory.put({ key: "a", value: "first" }, { actor: value });
      const fact = await memory.put({ key: "a", value, kind: "k", agent: "agent" });
      expect(fact).toMatchObject({ key: "a", value, version: 2 });
    }
    const mine = await one.memory.put({ key: "b", value: "more" });
    for (const [{ memory }, value] of [
      [large, "large"],
      [other, "other"],
    ] as const) {
      expect(await memory.get("a")).toMatchObject({ key: "a", value });
      expect(await memory.getMany(["b", "a"])).toMatchObject([undefined, { key: "a", value }]);
      for (const search of [{}, { kind: "k" }, { agent: "agent", kind: "k" }, { text: value }, { prefix: "a" }])
        expect(await found(memory, search), JSON.stringify(search)).toEqual([["a", value]]);
      for (const search of [{ prefix: "run" }, { text: "more" }, { text: "run" }, { kind: "fact" }, { prefix: "b" }])
        expect(await found(memory, search), JSON.stringify(search)).toEqual([]);
      expect(await memory.delete({ id: mine.id })).toBe(false);
      expect((await memory.history("a")).map(({ actor }) => actor)).toEqual([null, value]);
    }
    expect(await found(large.memory, { prefix: "run/1/" })).toEqual([]);
    expect(await found(one.memory)).toEqual([
      ["a", "one"],
      ["b", "more"],
    ]);
    const [change] = await one.memory.history("a");
    expect([change?.before?.key, change?.after?.key]).toEqual(["a", "a"]);
    const { facts, next } = await one.memory.search({ limit: 1 });
    expect(facts).toMatchObject([{ key: "b" }]);
    expect(await found(one.memory, { after: next })).toEqual([["a", "one"]]);
    await expect(one.memory.put({ key: "a", value: 1 }, { expectedVersion: 7 })).rejects.toThrow('"a" has version 2');

    expect(await one.memory.delete({ id: mine.id })).toBe(true);
    expect(await held()).toBe(3);
    expect(await one.cleanUp()).toEqual({ memory: { facts: 2, changes: 4 } });
    expect(await one.cleanUp()).toEqual({ memory: { facts: 0, changes: 0 } });
    expect([await held(), await found(one.memory), await one.memory.history("a")]).toEqual([2, [], []]);
    expect([await found(large.memory), await found(other.memory)]).toEqual([[["a", "large"]], [["a", "other"]]]);
    expect(await large.memory.history("a")).toHaveLength(2);
    const left = await allOf(bench().fleet.memory.export({ tenant: large.tenant }));
    expect(left.filter(({ key }) => String(key).startsWith("run/1/"))).toEqual([]);
  });

  it("finds the tenant's own among many of its runs, and is searched by words the same after a restore", async () => {
    const { tenant, memory, forRun } = bench().fresh();
    const one = forRun("1");
    await memory.putMany(Array.from({ length: 30 }, (_, i) => ({ key: `k${i}`, value: "common" })));
    for (let n = 0; n < 3; n++)
      await one.memory.putMany(Array.from({ length: 500 }, (_, i) => ({ key: `k${i}.${n}`, value: "common" })));
    for (const search of [{}, { text: "common" }, { prefix: "k" }, { kind: "fact" }]) {
      let after: string | undefined;
      const keys: string[] = [];
      do {
        const page = await memory.search({ ...search, limit: 20, ...(after && { after }) });
        keys.push(...page.facts.map(({ key }) => key));
        after = page.next;
      } while (after);
      expect(new Set(keys).size, JSON.stringify(search)).toBe(30);
    }
    expect((await one.memory.search({ text: "common", limit: 1_000 })).facts).toHaveLength(1_000);
    const { memory: fleet } = bench().fleet;
    const records = await allOf(fleet.export({ tenant }));
    await fleet.import(
      (async function* () {
        yield* records;
      })(),
    );
    expect(await found(one.memory, { text: "run" })).toEqual([]);
    expect(await one.cleanUp()).toEqual({ memory: { facts: 1_500, changes: 1_500 } });
  });

  it("refuses keys of runs outside of them, and what is no key inside", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    await one.memory.put({ key: "a", value: 1 });
    const key = "run/1/a";
    await expectInvalid(large.memory.put({ key, value: 1 }), "put");
    await expectInvalid(
      large.memory.putMany([
        { key: "b", value: 1 },
        { key, value: 1 },
      ]),
      "putMany",
    );
    await expectInvalid(large.memory.get(key), "get");
    await expectInvalid(large.memory.getMany(["a", key]), "getMany");
    await expectInvalid(large.memory.delete({ key }), "delete");
    await expectInvalid(large.memory.history(key), "history");
    for (const wrong of ["", undefined, 1, "x".repeat(507)] as string[]) {
      await expectInvalid(one.memory.put({ key: wrong, value: 1 }), String(wrong));
      await expectInvalid(one.memory.get(wrong), String(wrong));
    }
    expect(await large.memory.search()).toEqual({ facts: [] });
  });
}
