import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { RunStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { eventually, refused } from "./expectations.ts";

const worker = "w";
const ids = (runs: readonly { id: string }[]) => runs.map(({ id }) => id);

export function queue(bench: () => Bench): void {
  order(bench);
  holders(bench);
  attempts(bench);
}

function order(bench: () => Bench): void {
  it("claims by priority, then by how long it has waited, and not what is for later", async () => {
    const { run } = bench().fresh();
    const [past, earlier] = [new Date(60_000), new Date(30_000)];
    await run.createMany([
      { id: "low", kind: "a", priority: -1 },
      { id: "first", kind: "a" },
      { id: "second", kind: "b" },
      { id: "high", kind: "b", priority: 9 },
      { id: "waits", kind: "a", priority: 9, notBefore: new Date(Date.now() + 3_600_000) },
      { id: "past", kind: "a", notBefore: past },
      { id: "earlier", kind: "a", notBefore: earlier },
    ]);
    expect(ids(await run.claim({ worker, limit: 2 }))).toEqual(["high", "earlier"]);
    const [next] = await run.claim({ worker: "x", leaseMs: 60_000 });
    expect(next).toMatchObject({
      ...{ id: "past", status: "running", attempt: 1, version: 2, lease: { worker: "x", token: expect.any(Number) } },
    });
    const left = (next?.lease.until.getTime() ?? 0) - (next?.updatedAt.getTime() ?? 0);
    expect(left).toBeGreaterThanOrEqual(59_999);
    expect(left).toBeLessThanOrEqual(60_001);
    expect(ids(await run.claim({ worker, limit: 100 }))).toEqual(["first", "second", "low"]);
    expect(await run.claim({ worker, limit: 100 })).toEqual([]);
  });

  it("claims of the kinds that are asked for alone, in one order over all of them", async () => {
    const { run } = bench().fresh();
    const kinds = ["a", "b", "c", "'; drop table run; --", "{a,b}", '"a"', "null"];
    await run.createMany(
      Array.from({ length: 70 }, (_, n) => ({ id: `r${n}`, kind: kinds[n % 7] ?? "", priority: n % 3 })),
    );
    expect(await run.claim({ worker, kinds: ["none", "NULL", "a,b"] })).toEqual([]);
    const some = await run.claim({ worker, kinds: ["a", "c", "a"], limit: 12 });
    const expected = Array.from({ length: 70 }, (_, n) => n)
      .filter((n) => n % 7 === 0 || n % 7 === 2)
      .sort((one, other) => (other % 3) - (one % 3) || one - other);
    expect(ids(some)).toEqual(expected.slice(0, 12).map((n) => `r${n}`));
    expect(ids(await run.claim({ worker, kinds: ["c", "a"], limit: 100 }))).toEqual(
      expected.slice(12).map((n) => `r${n}`),
    );
    for (const kind of kinds.slice(3))
      expect(new Set((await run.claim({ worker, kinds: [kind], limit: 50 })).map((one) => one.kind))).toEqual(
        new Set([kind]),
      );
    expect((await run.claim({ worker, limit: 100 })).map(({ kind }) => kind)).toEqual(Array(10).fill("b"));
  });

  it("gives each run to one of many who ask at once, and every one to somebody", async () => {
    for (const kinds of [undefined, ["a"], ["a", "b", "c"]]) {
      const { run } = bench().fresh();
      await run.createMany(Array.from({ length: 60 }, (_, n) => ({ id: `r${n}`, kind: ["a", "b"][n % 2] ?? "" })));
      const most = kinds?.length === 1 ? 30 : 60;
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, n) => run.claim({ worker: `w${n}`, kinds, limit: 2 })),
      );
      const rest = await run.claim({ worker, kinds, limit: 100 });
      const claimed = [...all.flat(), ...rest];
      expect(new Set(ids(claimed)).size).toBe(claimed.length);
      expect(claimed).toHaveLength(most);
      for (const one of claimed) expect(one.attempt).toBe(1);
    }
  });
}

function holders(bench: () => Bench): void {
  it("lets the holder keep, extend and complete", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", state: 0 });
    const [held] = await run.claim({ worker, leaseMs: 30_000 });
    const token = held?.lease.token ?? 0;
    expect(await run.checkpoint("a", token, { step: 1 })).toEqual({ version: 3 });
    expect(await run.extend("a", token, 3_600_000)).toBe(true);
    const kept = await run.get("a");
    expect(kept).toMatchObject({ version: 3, state: { step: 1 }, lease: { token, worker } });
    expect((kept?.lease?.until.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
    await run.complete("a", token, "done");
    expect(await run.get("a")).toMatchObject({
      status: "succeeded",
      result: "done",
      error: null,
      lease: null,
      version: 4,
    });
    await expectLost(run, "a", token);
    expect((await run.get("a"))?.version).toBe(4);
  });

  it("refuses every act under another token, and under one of a run that nobody has", async () => {
    const { run } = bench().fresh();
    await run.createMany([
      { id: "a", kind: "k" },
      { id: "b", kind: "k" },
    ]);
    const [held] = await run.claim({ worker });
    const token = held?.lease.token ?? 0;
    for (const other of [1, token - 1, token + 1, Number.MAX_SAFE_INTEGER]) await expectLost(run, "a", other);
    await expectLost(run, "b", token);
    await expectLost(run, "none", token);
    expect(await run.get("a")).toEqual(held);
    expect(await run.get("b")).toMatchObject({ version: 1, status: "queued" });
  });

  it("tells the holder of a cancelled run at its next call", async () => {
    const { run } = bench().fresh();
    await run.createMany([
      { id: "a", kind: "k" },
      { id: "b", kind: "k" },
    ]);
    const [held] = await run.claim({ worker });
    expect([await run.cancel("a"), await run.cancel("b"), await run.cancel("a"), await run.cancel("none")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(await run.get("a")).toMatchObject({ status: "cancelled", lease: null, finishedAt: expect.any(Date) });
    await expectLost(run, "a", held?.lease.token ?? 0);
    await expect(run.complete("a", held?.lease.token ?? 0)).rejects.toThrow(/is cancelled/);
    expect(await run.claim({ worker })).toEqual([]);
  });

  it("takes over when a lease is over, not before, and fences the holder of before", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k" });
    const [first] = await run.claim({ worker: "first", leaseMs: 400 });
    let second: Awaited<ReturnType<RunStore["claim"]>>[number] | undefined;
    await eventually(async () => {
      [second] = await run.claim({ worker: "second" });
      expect(second).toBeDefined();
    });
    expect(second?.updatedAt.getTime()).toBeGreaterThanOrEqual(first?.lease.until.getTime() ?? Infinity);
    expect(second?.lease.token).toBeGreaterThan(first?.lease.token ?? Infinity);
    expect(second).toMatchObject({ attempt: 2, lease: { worker: "second" } });
    await expectLost(run, "a", first?.lease.token ?? 0);
    await run.complete("a", second?.lease.token ?? 0);
  });

  it("takes over first what is oldest, however many wait", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "old", kind: "k", maxAttempts: 9 });
    await sleep(10); // those of one call are a microsecond apart, up to now, and an engine's clock may tick in milliseconds
    await run.createMany(Array.from({ length: 100 }, (_, n) => ({ id: `young ${n}`, kind: "k" })));
    const [old] = await run.claim({ worker });
    expect(old?.id).toBe("old");
    expect(ids(await run.claim({ worker }))).toEqual(["young 0"]);
    await run.extend("old", old?.lease.token ?? 0, 100);
    await sleep(150);
    for (const kinds of [undefined, ["k"], ["k", "none"]]) {
      expect(ids(await run.claim({ worker, kinds, leaseMs: 100 }))).toEqual(["old"]);
      await sleep(150);
      if (kinds)
        await run.update("old", { status: "queued" }, { expectedVersion: (await run.get("old"))?.version ?? 0 });
    }
  });

  it("leaves a lease that is over to its holder, until somebody takes it", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k" });
    const [held] = await run.claim({ worker, leaseMs: 100 });
    await sleep(150);
    expect(await run.extend("a", held?.lease.token ?? 0, 60_000)).toBe(true);
    expect(await run.claim({ worker: "other" })).toEqual([]);
    await run.complete("a", held?.lease.token ?? 0);
  });
}

function attempts(bench: () => Bench): void {
  it("tries again later while attempts are left, then fails", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", maxAttempts: 3 });
    const attempt = async () => (await run.claim({ worker }))[0]?.lease.token ?? 0;
    const wait = async () =>
      ((await run.get("a"))?.notBefore.getTime() ?? 0) - ((await run.get("a"))?.updatedAt.getTime() ?? 0);
    expect(await run.fail("a", await attempt(), "one", { retryAfterMs: 0 })).toBe("queued");
    expect(await run.get("a")).toMatchObject({
      status: "queued",
      error: "one",
      attempt: 1,
      lease: null,
      finishedAt: null,
    });
    expect(await run.fail("a", await attempt(), "two")).toBe("queued");
    expect(Math.abs((await wait()) - 2_000)).toBeLessThanOrEqual(1); // the second time: twice the first second
    expect(await run.claim({ worker })).toEqual([]);
    const { version = 0 } = (await run.get("a")) ?? {};
    await run.update("a", { notBefore: new Date() }, { expectedVersion: version });
    expect(await run.fail("a", await eventuallyClaimed(run), "three")).toBe("failed");
    expect(await run.get("a")).toMatchObject({
      status: "failed",
      error: "three",
      attempt: 3,
      finishedAt: expect.any(Date),
    });
    expect(await run.claim({ worker })).toEqual([]);
  });

  it("waits an hour at most, and as long as it is told", async () => {
    const { run } = bench().fresh();
    await run.createMany([
      { id: "told", kind: "a" },
      { id: "never", kind: "b" },
      { id: "often", kind: "c", maxAttempts: 40 },
    ]);
    const claim = async (kind: string) => (await run.claim({ worker, kinds: [kind] }))[0]?.lease.token ?? 0;
    expect(await run.fail("told", await claim("a"), "", { retryAfterMs: 31_557_600_000 })).toBe("queued");
    expect((await run.get("told"))?.notBefore.getTime()).toBeGreaterThan(Date.now() + 31_557_000_000);
    expect(await run.fail("never", await claim("b"), "for good", { retry: false })).toBe("failed");
    for (let n = 0; n < 20; n++) await run.fail("often", await claim("c"), "again", { retryAfterMs: 0 });
    await run.fail("often", await claim("c"), "again");
    const often = await run.get("often");
    expect(often?.attempt).toBe(21);
    const waits = (often?.notBefore.getTime() ?? 0) - (often?.updatedAt.getTime() ?? 0);
    expect(Math.abs(waits - 3_600_000)).toBeLessThanOrEqual(1);
  });

  it("does not count a claim that is given back", async () => {
    const { run } = bench().fresh();
    await run.create({ id: "a", kind: "k", maxAttempts: 1, state: 1 });
    for (let n = 0; n < 3; n++) {
      const [held] = await run.claim({ worker });
      expect(held?.attempt).toBe(1);
      await run.release("a", held?.lease.token ?? 0);
      await expectLost(run, "a", held?.lease.token ?? 0);
      expect(await run.get("a")).toMatchObject({ status: "queued", attempt: 0, lease: null, error: null });
    }
  });

  it("fails what was never completed when its attempts are used up, and hands out the next", async () => {
    const { run } = bench().fresh();
    await run.createMany(Array.from({ length: 5 }, (_, n) => ({ id: `r${n}`, kind: "k", maxAttempts: 1 })));
    expect(await run.claim({ worker, leaseMs: 100, limit: 5 })).toHaveLength(5);
    await run.create({ id: "next", kind: "k", priority: -1 });
    await sleep(150);
    expect(ids(await run.claim({ worker, limit: 1 }))).toEqual(["next"]);
    for (let n = 0; n < 5; n++)
      expect(await run.get(`r${n}`)).toMatchObject({
        ...{ status: "failed", attempt: 1, lease: null, error: expect.stringContaining("used up") },
        finishedAt: expect.any(Date),
      });
  });
}

const eventuallyClaimed = async (run: RunStore): Promise<number> => {
  let token: number | undefined;
  await eventually(async () => {
    token = (await run.claim({ worker }))[0]?.lease.token;
    expect(token).toBeDefined();
  });
  return token ?? 0;
};

/** That nothing can be written under this token. */
async function expectLost(run: RunStore, id: string, token: number): Promise<void> {
  expect(await run.extend(id, token)).toBe(false);
  for (const act of [
    () => run.checkpoint(id, token, "late"),
    () => run.complete(id, token, "late"),
    () => run.fail(id, token, "late"),
    () => run.release(id, token),
    () => run.update(id, { state: "late" }, { lease: token }),
  ])
    await expect(act()).rejects.toMatchObject(refused("conflict"));
}
