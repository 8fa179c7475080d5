import { expect, it } from "vitest";
import type { RunStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";

const worker = { worker: "w" };
const ids = async (run: RunStore, options = {}) => (await run.list(options)).runs.map(({ id }) => id).sort();
const claimed = async (run: RunStore, options = {}) =>
  (await run.claim({ ...worker, limit: 100, ...options })).map(({ id }) => id);

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.run.tenants()).find(({ tenant }) => tenant === large.tenant)?.runs ?? 0;
    for (const [{ run }, state] of [
      [large, "large"],
      [one, "one"],
      [other, "other"],
    ] as const) {
      expect(await run.create({ id: "a", kind: "k", state, parent: "p" })).toMatchObject({
        run: { id: "a", kind: "k", state, parent: "p" },
        created: true,
      });
      expect((await run.create({ id: "a", kind: "other" })).run.state).toBe(state);
    }
    await one.run.createMany([
      { id: "b", kind: "l", priority: 1 },
      { id: "c", kind: "k", notBefore: new Date(4e12) },
    ]);
    expect((await one.run.get("a"))?.state).toBe("one");
    expect([await ids(large.run), await ids(one.run), await ids(other.run)]).toEqual([["a"], ["a", "b", "c"], ["a"]]);
    for (const options of [{ kind: "k" }, { status: "queued" }, { parent: "p" }]) {
      expect(await ids(large.run, options), JSON.stringify(options)).toEqual(["a"]);
      expect(await ids(one.run, options), JSON.stringify(options)).toContain("a");
    }
    const { next } = await one.run.list({ limit: 1 });
    expect((await one.run.list({ after: next ?? "" })).runs).toHaveLength(2);
    expect(await large.run.counts()).toEqual([{ kind: "k", status: "queued", count: 1 }]);
    expect(await one.run.counts()).toEqual([
      { kind: "k", status: "queued", count: 2 },
      { kind: "l", status: "queued", count: 1 },
    ]);

    expect(await claimed(large.run)).toEqual(["a"]);
    expect(await claimed(large.run, { kinds: ["k", "l"] })).toEqual([]);
    expect(await claimed(one.run, { limit: 1 })).toEqual(["b"]);
    expect(await claimed(one.run, { kinds: ["k"] })).toEqual(["a"]);
    const [job] = await other.run.claim({ ...worker, kinds: ["k", "l"] });
    expect(job).toMatchObject({ id: "a", kind: "k", state: "other", lease: worker });
    await other.run.checkpoint("a", job?.lease.token ?? 0, "further");
    await other.run.complete("a", job?.lease.token ?? 0, 1);
    await expect(other.run.release("a", 1)).rejects.toThrow('newest of run "a"');

    expect(await held()).toBe(5);
    expect(await one.cleanUp()).toEqual({ run: { runs: 3 } });
    expect(await one.cleanUp()).toEqual({ run: { runs: 0 } });
    expect([await held(), await ids(one.run), await ids(other.run)]).toEqual([2, [], ["a"]]);
    expect(await large.run.get("a")).toMatchObject({ status: "running", state: "large" });
  });

  it("claims by priority and time across the kinds of a run, and passes over none for the jobs of others", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    await large.forRun("0").run.createMany(Array.from({ length: 300 }, (_, i) => ({ kind: `k${i % 3}`, priority: 9 })));
    const jobs = [3, 1, 4, 1, 5, 9, 2, 6].map((priority, i) => ({ id: `${i}`, kind: `k${i % 3}`, priority }));
    await one.run.createMany(jobs);
    await large.run.createMany(jobs);
    const inOrder = ["5", "7", "4", "2", "0", "6", "1", "3"];
    expect(await claimed(large.run)).toEqual(inOrder);
    expect(await claimed(one.run, { limit: 3 })).toEqual(inOrder.slice(0, 3));
    expect(await claimed(one.run)).toEqual(inOrder.slice(3));
    const taken: string[] = [];
    const many = await Promise.all(Array.from({ length: 10 }, () => claimed(large.forRun("0").run, { limit: 50 })));
    taken.push(...many.flat(), ...(await claimed(large.forRun("0").run)), ...(await claimed(large.forRun("0").run)));
    taken.push(...(await claimed(large.forRun("0").run)));
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken).toHaveLength(300);
  });

  it("works on its own jobs alone, and the fleet on those that belong to no run", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    for (const { run } of [large, one]) await run.create({ id: "a", kind: "k" });
    const done = new AbortController();
    const seen: string[] = [];
    const worked = one.run.work(
      ({ id, kind }) => {
        seen.push(`${kind} ${id}`);
        done.abort();
      },
      { ...worker, signal: done.signal, pollMs: 10 },
    );
    expect(await worked).toMatchObject({ succeeded: 1 });
    expect(seen).toEqual(["k a"]);
    await one.run.create({ id: "b", kind: "k" });
    const mine = (await bench().fleet.run.claim({ ...worker, limit: 100 })).filter(
      (job) => job.tenant === large.tenant,
    );
    expect(mine.map(({ id }) => id)).toEqual(["a"]);
  });

  it("refuses names of runs outside of them, and what is no name inside", async () => {
    const large = bench().fresh();
    const { run } = large;
    const name = "run/1/a";
    const calls = {
      id: () => run.create({ id: name, kind: "k" }),
      kind: () => run.create({ kind: name }),
      parent: () => run.create({ kind: "k", parent: name }),
      many: () => run.createMany([{ kind: "k" }, { id: name, kind: "k" }]),
      get: () => run.get(name),
      delete: () => run.delete(name),
      update: () => run.update(name, { priority: 1 }, { expectedVersion: 1 }),
      cancel: () => run.cancel(name),
      claim: () => run.claim({ ...worker, kinds: ["k", name] }),
      extend: () => run.extend(name, 1),
      list: () => run.list({ kind: name }),
    };
    for (const [call, make] of Object.entries(calls)) await expectInvalid(make(), call);
    const one = large.forRun("1").run;
    for (const wrong of ["", 1, "\0", "x".repeat(507)] as string[]) {
      await expectInvalid(one.create({ id: wrong, kind: "k" }), String(wrong));
      await expectInvalid(one.create({ kind: wrong }), String(wrong));
      await expectInvalid(one.get(wrong), String(wrong));
    }
    expect(await run.counts()).toEqual([]);
  });
}
