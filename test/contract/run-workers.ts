import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { crowd } from "../lab/run-workers.ts";
import type { Bench } from "./bench.ts";
import { eventually } from "./expectations.ts";

export function workers(bench: () => Bench): void {
  atWork(bench);
  together(bench);
}

function atWork(bench: () => Bench): void {
  const start = () => {
    const stop = new AbortController();
    return { stop, options: { worker: "w", pollMs: 10, signal: stop.signal } };
  };

  it("works on what is due until it is told to stop", async () => {
    const { run } = bench().fresh();
    const { stop, options } = start();
    await run.createMany(Array.from({ length: 20 }, (_, n) => ({ id: `r${n}`, kind: "k", state: n })));
    let [inside, most] = [0, 0];
    const done = run.work(
      async ({ state }, { checkpoint }) => {
        most = Math.max(most, ++inside);
        await checkpoint({ half: state });
        inside--;
        return { doubled: 2 * Number(state) };
      },
      { ...options, concurrency: 4 },
    );
    await eventually(async () => expect(await run.counts()).toEqual([{ kind: "k", status: "succeeded", count: 20 }]));
    await run.create({ id: "late", kind: "k", state: 7 });
    await eventually(async () => expect((await run.get("late"))?.status).toBe("succeeded"));
    stop.abort();
    expect(await done).toEqual({ succeeded: 21, failed: 0, released: 0, lost: 0 });
    expect(most).toBe(4);
    expect(await run.get("r3")).toMatchObject({ result: { doubled: 6 }, state: { half: 3 }, version: 4, attempt: 1 });
  });

  it("ends an attempt with the handler's error, and tries again", async () => {
    const { run } = bench().fresh();
    const { stop, options } = start();
    await run.createMany([
      { id: "twice", kind: "k", maxAttempts: 2 },
      { id: "odd", kind: "k", maxAttempts: 1 },
      { id: "none", kind: "k", maxAttempts: 1 },
    ]);
    const done = run.work(({ id, attempt }) => {
      if (id === "twice") throw new Error(`no ${attempt}\0\ud800 of postgres://u:secret@h/d`);
      return id === "none" ? undefined : { at: new Date() };
    }, options);
    await eventually(async () => expect((await run.get("twice"))?.error).toBe("no 1\ufffd of postgres://u:***@h/d"));
    const again = (await run.get("twice"))?.notBefore.getTime() ?? 0;
    expect(again).toBeGreaterThan(Date.now() - 10_000);
    await eventually(async () => expect(await run.get("twice")).toMatchObject({ status: "failed", attempt: 2 }));
    stop.abort();
    expect(await done).toEqual({ succeeded: 1, failed: 3, released: 0, lost: 0 });
    expect(await run.get("odd")).toMatchObject({ status: "failed", error: expect.stringContaining("toJSON") });
    expect(await run.get("none")).toMatchObject({ status: "succeeded", result: null });
  });

  it("keeps its lease however long a handler takes", async () => {
    const { run } = bench().fresh();
    const { stop, options } = start();
    await run.create({ id: "long", kind: "k" });
    const done = run.work(() => sleep(4_000), { ...options, leaseMs: 2_000 });
    await eventually(async () => expect((await run.get("long"))?.status).toBe("running"));
    while ((await run.get("long"))?.status === "running") {
      expect(await run.claim({ worker: "other" })).toEqual([]);
      await sleep(20);
    }
    stop.abort();
    expect(await done).toMatchObject({ succeeded: 1, lost: 0 });
    expect(await run.get("long")).toMatchObject({ status: "succeeded", attempt: 1, version: 3 });
  });

  it("tells the handler of a run that was cancelled, and writes nothing of it", async () => {
    const { run } = bench().fresh();
    const { stop, options } = start();
    await run.create({ id: "a", kind: "k" });
    let reason: unknown;
    const done = run.work(
      async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        reason = signal.reason;
        return "late";
      },
      { ...options, leaseMs: 1_500 },
    );
    await eventually(async () => expect((await run.get("a"))?.status).toBe("running"));
    await run.cancel("a");
    await eventually(async () => expect(reason).toMatchObject({ code: "conflict" }));
    stop.abort();
    expect(await done).toEqual({ succeeded: 0, failed: 0, released: 0, lost: 1 });
    expect(await run.get("a")).toMatchObject({ status: "cancelled", result: null });
  });

  it("gives back what it has when it is stopped, and lets end what ends", async () => {
    const { run } = bench().fresh();
    const { stop, options } = start();
    await run.createMany(["gives", "ends", "waits"].map((id) => ({ id, kind: "k" })));
    let begun = 0;
    const done = run.work(
      async ({ id }, { signal, checkpoint }) => {
        begun++;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        if (id === "ends") return "whole";
        await checkpoint("half");
        throw signal.reason;
      },
      { ...options, concurrency: 2 },
    );
    await eventually(async () => expect(begun).toBe(2));
    stop.abort();
    expect(await done).toEqual({ succeeded: 1, failed: 0, released: 1, lost: 0 });
    expect(await run.get("ends")).toMatchObject({ status: "succeeded", result: "whole" });
    expect(await run.get("gives")).toMatchObject({ status: "queued", state: "half", attempt: 0 });
    expect(await run.get("waits")).toMatchObject({ status: "queued", version: 1 });
    expect(await run.work(() => 1, { ...options, signal: AbortSignal.abort() })).toMatchObject({ succeeded: 0 });
  });

  it("serves all tenants with one worker", async () => {
    const all = [bench().fresh(), bench().fresh()];
    const kind = all[0]?.tenant ?? "";
    for (const { run } of all) await run.createMany(Array.from({ length: 5 }, () => ({ kind })));
    const { stop, options } = start();
    const done = bench().fleet.run.work(({ tenant }) => ({ tenant }), { ...options, kinds: [kind], concurrency: 3 });
    for (const { run, tenant } of all) {
      await eventually(async () => expect(await run.counts()).toEqual([{ kind, status: "succeeded", count: 5 }]));
      expect((await run.list()).runs.every(({ result }) => (result as { tenant: string }).tenant === tenant)).toBe(
        true,
      );
    }
    stop.abort();
    expect(await done).toMatchObject({ succeeded: 10, lost: 0 });
  });
}

function together(bench: () => Bench): void {
  it("lets 10 workers begin each of 1,000 runs once", async () => {
    const { run } = bench().fresh();
    await run.createMany(Array.from({ length: 1_000 }, (_, n) => ({ id: `r${n}`, kind: "k" })));
    const stop = new AbortController();
    const begun: string[] = [];
    const all = Array.from({ length: 10 }, (_, n) =>
      run.work(({ id }) => void begun.push(id), { worker: `w${n}`, pollMs: 20, concurrency: 2, signal: stop.signal }),
    );
    await expect
      .poll(async () => (await run.counts())[0], { timeout: 25_000 })
      .toEqual({
        ...{ kind: "k", status: "succeeded", count: 1_000 },
      });
    stop.abort();
    const sum = (await Promise.all(all)).reduce((total, { succeeded }) => total + succeeded, 0);
    expect([begun.length, new Set(begun).size, sum]).toEqual([1_000, 1_000, 1_000]);
  });

  it("lets workers of several processes begin each run once, and take over from those that are killed", async () => {
    const { run, tenant } = bench().fresh();
    if (!run.can.shared) return expect(run.why.shared).toBeTruthy();
    const url = bench().under.app.RUN_URL ?? "";
    const size = { url, processes: 2, workers: 5, leaseMs: 4_000 };
    const once = await crowd({ ...size, tenant, runs: 300, most: 2, leaseMs: 20_000 });
    expect(once).toMatchObject({ wrong: [], succeeded: 300, claims: 300 });
    const seen = await crowd({ ...size, tenant: bench().fresh().tenant, runs: 200, kills: 4, most: 200 });
    expect(seen).toMatchObject({ wrong: [], succeeded: 200 });
    expect(seen.takenOver).toBeGreaterThan(0);
    expect(seen.latest).toBeLessThan(size.leaseMs + 7_500);
  }, 120_000);
}
