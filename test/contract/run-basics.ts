import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { refused } from "./expectations.ts";

const WORKER = "w";

export function basics(bench: () => Bench): void {
  it("creates a run, once", async () => {
    const { run } = bench().fresh();
    const before = Date.now() - 60_000;
    const state = { "2": [1, { a: null }], "1": "Grüße 🚲", b: { y: 1, x: -0.5e-7 } };
    const notBefore = new Date("2200-01-02T03:04:05.678Z");
    const first = await run.create({ id: "a", kind: "k", state, priority: -3, notBefore, maxAttempts: 7, parent: "p" });
    expect(first).toEqual({
      created: true,
      run: {
        ...{ id: "a", kind: "k", status: "queued", state, result: null, error: null, version: 1, attempt: 0 },
        ...{ maxAttempts: 7, priority: -3, notBefore, parent: "p", lease: null, finishedAt: null },
        ...{ createdAt: expect.any(Date), updatedAt: expect.any(Date) },
      },
    });
    expect(first.run.createdAt.getTime()).toBeGreaterThan(before);
    expect(JSON.stringify((await run.get("a"))?.state)).toBe(JSON.stringify(state)); // the order of keys too
    expect(await run.create({ id: "a", kind: "other" })).toEqual({ created: false, run: first.run });
    expect(await run.get("a")).toEqual(first.run);
    expect(await run.get("b")).toBeUndefined();
  });

  it("fills in what is left out", async () => {
    const { run } = bench().fresh();
    const { run: made } = await run.create({ kind: "k" });
    expect(made).toMatchObject({ state: null, priority: 0, maxAttempts: 3, parent: null });
    expect(made.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.notBefore).toEqual(made.createdAt);
  });

  it("makes one run of many creations at once", async () => {
    const { run } = bench().fresh();
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => run.create({ id: "a", kind: `k${i}` })));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(all.map((one) => one.run.kind)).size).toBe(1);
    const ids = Array.from({ length: 40 }, (_, i) => `b${i}`);
    const many = await Promise.all(
      [ids, ids.toReversed()].map((order) => run.createMany(order.map((id) => ({ id, kind: "k" })))),
    );
    expect(many.flat().filter(({ created }) => created)).toHaveLength(40);
  });

  it("creates many, in their order, and says which it made", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "b", kind: "before" });
    const made = await run.createMany(["c", "b", "a", "c"].map((id, n) => ({ id, kind: "k", state: n })));
    expect(made.map((one) => [one.run.id, one.created, one.run.state])).toEqual([
      ["c", true, 0],
      ["b", false, null],
      ["a", true, 2],
      ["c", false, 0],
    ]);
    expect(await run.createMany([])).toEqual([]);
    const many = await run.createMany(Array.from({ length: 1_000 }, (_, n) => ({ kind: "many", state: n })));
    expect(many.map((one) => one.run.state)).toEqual(many.map((_, n) => n));
    const claimed = await run.claim({ kinds: ["many"], worker: WORKER, limit: 100 });
    expect(claimed.map(({ state }) => state)).toEqual(claimed.map((_, n) => n));
  });

  it("deletes, and holders of a run of the same id are not mixed up", async () => {
    const { run } = bench().fresh();
    expect(await run.delete("a")).toBe(false);
    await run.create({ id: "a", kind: "k" });
    const [old] = await run.claim({ worker: WORKER });
    expect([await run.delete("a"), await run.delete("a"), await run.get("a")]).toEqual([true, false, undefined]);
    await expect(run.complete("a", old?.lease.token ?? 0)).rejects.toMatchObject(refused("conflict"));
    await run.create({ id: "a", kind: "k" });
    const [next] = await run.claim({ worker: WORKER });
    expect(next?.lease.token).toBeGreaterThan(old?.lease.token ?? Infinity);
    await expect(run.complete("a", old?.lease.token ?? 0)).rejects.toMatchObject(refused("conflict"));
    await run.complete("a", next?.lease.token ?? 0, { ok: true });
    expect(await run.get("a")).toMatchObject({ status: "succeeded", result: { ok: true }, lease: null, version: 3 });
  });

  it("updates under the version that was read, and names both when it is not", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", state: 1 });
    expect(await run.update("a", { state: 2, priority: 5 }, { expectedVersion: 1 })).toEqual({ version: 2 });
    const late = run.update("a", { state: 3 }, { expectedVersion: 1 });
    await expect(late).rejects.toThrow(/version 2, not 1/);
    await expect(late).rejects.toMatchObject(refused("conflict"));
    await expect(run.update("none", { state: 3 }, { expectedVersion: 1 })).rejects.toThrow(/no run "none"/);
    const all = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => run.update("a", { state: n }, { expectedVersion: 2 })),
    );
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await run.get("a")).toMatchObject({ version: 3, priority: 5, status: "queued" });
  });

  it("keeps a run that no worker has: any status, its end, and a new beginning", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", state: 1 });
    await run.update("a", { status: "running" }, { expectedVersion: 1 });
    expect(await run.claim({ worker: WORKER })).toEqual([]); // it has no lease that could be over
    await run.update("a", { status: "failed", error: "no", result: [1] }, { expectedVersion: 2 });
    const failed = await run.get("a");
    expect(failed).toMatchObject({ status: "failed", error: "no", result: [1], finishedAt: failed?.updatedAt });
    await run.update("a", { status: "succeeded", error: null, result: null }, { expectedVersion: 3 });
    expect(await run.get("a")).toMatchObject({ error: null, result: null, finishedAt: failed?.finishedAt });
    expect(await run.claim({ worker: WORKER })).toEqual([]);
    await run.update("a", { status: "queued" }, { expectedVersion: 4 });
    expect(await run.get("a")).toMatchObject({ status: "queued", attempt: 0, finishedAt: null, state: 1 });
    expect(await run.claim({ worker: WORKER })).toMatchObject([{ id: "a", attempt: 1 }]);
  });

  it("starts a finished run anew: attempts, error and result are gone", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", maxAttempts: 1 });
    const [one] = await run.claim({ worker: WORKER });
    expect(await run.fail("a", one?.lease.token ?? 0, "broke")).toBe("failed");
    const { version = 0 } = (await run.get("a")) ?? {};
    await run.update("a", { status: "queued", notBefore: new Date(0) }, { expectedVersion: version });
    expect(await run.get("a")).toMatchObject({ status: "queued", error: null, attempt: 0, notBefore: new Date(0) });
    const [next] = await run.claim({ worker: WORKER });
    expect(next?.lease.token).toBeGreaterThan(one?.lease.token ?? Infinity);
  });

  it("ends a lease with any change of status from outside", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k" });
    const [held] = await run.claim({ worker: WORKER });
    const token = held?.lease.token ?? 0;
    await run.update("a", { priority: 1, status: "running" }, { expectedVersion: 2 });
    expect(await run.extend("a", token)).toBe(true);
    expect(await run.update("a", { state: 1 }, { lease: token })).toEqual({ version: 4 });
    await run.update("a", { status: "queued" }, { expectedVersion: 4 });
    expect(await run.get("a")).toMatchObject({ lease: null, attempt: 1 });
    for (const act of [
      () => run.update("a", { state: 2 }, { lease: token }),
      () => run.checkpoint("a", token, 2),
      () => run.complete("a", token),
    ])
      await expect(act()).rejects.toMatchObject(refused("conflict"));
    expect(await run.get("a")).toMatchObject({ state: 1, version: 5 });
  });
}
