import { expect, it } from "vitest";
import { openStores } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";

const settled = async (calls: Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((one) => (one.status === "fulfilled" ? "done" : one.reason.code));

export function concurrency(bench: () => Bench): void {
  it("lets exactly one of many win that expect the same version, round after round", async () => {
    const { memory, tenant } = bench().fresh();
    await using others = openStores(bench().under.app);
    const second = others.tenant(tenant).memory;
    for (let version = 0; version < 6; version++) {
      const calls = Array.from({ length: 50 }, (_, n) =>
        (n % 2 ? memory : second).put({ key: "k", value: [version, n] }, { expectedVersion: version }),
      );
      const outcomes = await settled(calls);
      expect(outcomes.filter((one) => one === "done")).toHaveLength(1);
      expect(outcomes.filter((one) => one === "conflict")).toHaveLength(49);
      const there = await memory.get("k");
      expect(there).toMatchObject({ version: version + 1, value: [version, outcomes.indexOf("done")] });
    }
    expect((await memory.history("k")).map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it("counts every put of a key that is made and replaced at once", async () => {
    const { memory } = bench().fresh();
    const put = await Promise.all(Array.from({ length: 40 }, (_, n) => memory.put({ key: "k", value: n })));
    expect(put.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
    expect(new Set(put.map(({ id }) => id)).size).toBe(1);
    const changes = await memory.history("k");
    expect(changes).toHaveLength(40);
    for (const [at, { before, after }] of changes.entries()) {
      expect(after?.version).toBe(40 - at);
      expect(before?.value).toEqual(changes[at + 1]?.after?.value);
    }
  });

  it("puts many in different orders, deletes and purges at once without getting stuck", async () => {
    const { memory } = bench().fresh();
    const keys = Array.from({ length: 60 }, (_, n) => `key ${n}`);
    const shuffled = (by: number) => keys.map((_, n) => keys[(n * by) % 60] ?? "");
    const orders = [1, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 59].map(shuffled);
    const outcomes = await settled([
      ...orders.map((order) => memory.putMany(order.map((key) => ({ key, value: `words of ${key}` })))),
      ...keys.slice(0, 20).map((key) => memory.delete({ key })),
      ...keys.slice(40).map((key) => memory.put({ key, value: "single" })),
      bench().fleet.memory.purge({ olderThanMs: 0 }),
    ]);
    expect(outcomes.filter((one) => one !== "done")).toEqual([]);
    for (const key of keys.slice(0, 3)) {
      const changes = await memory.history(key, { limit: 1_000 });
      const seqs = changes.map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, at) => (seqs[0] as number) - at));
    }
    expect((await memory.search({ limit: 1_000 })).facts.length).toBeGreaterThanOrEqual(40);
  });

  it("shows a reader whole facts, each with the words it is found by", async () => {
    const { memory } = bench().fresh();
    let writing = true;
    const writes = (async () => {
      for (let n = 0; n < 60; n++)
        await memory.putMany(
          [1, 2].map((one) => ({ key: `k${one}`, value: n % 2 ? "odd" : "even", confidence: n / 100 })),
        );
      writing = false;
    })();
    while (writing)
      for (const text of ["odd", "even"])
        for (const { value, confidence } of (await memory.search({ text })).facts)
          expect(value).toBe(Math.round((confidence ?? 0) * 100) % 2 ? "odd" : "even");
    await writes;
  });
}
