import fc from "fast-check";
import { expect, it } from "vitest";
import type { Json, RunStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";
import { casesOn } from "./thorough.ts";

const MiB = 1024 * 1024;
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
const bare = Object.create(null); // has no way to become text
const badNames: unknown[] = ["", "x".repeat(513), "a\0", "\ud800", "a\udc00b", null, 7, {}, bare, ["a"]];
const badValues: unknown[] = [
  ...[() => 1, Symbol("s"), 1n, NaN, Infinity, new Date(), new Map(), "\0", "\udfff", { "\0": 1 }, { a: undefined }],
  ...[[undefined], { toJSON: () => 1 }, nested(66), "x".repeat(MiB - 1), ["ü".repeat(MiB / 2)]],
];
const badNumbers: unknown[] = [0.5, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), "1", 10n, bare, {}];
const badDates: unknown[] = [0, "2026-01-01", new Date(NaN), new Date(-1), new Date("2255-01-01"), null, bare];

const plain = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);

/** Calls by what is wrong with them; nothing of them may be written. */
function badCalls(run: RunStore): [what: string, call: () => unknown][] {
  const as = <T>(value: unknown) => value as T;
  const each = (name: string, bad: readonly unknown[], call: (one: never) => unknown) =>
    bad.map((one): [string, () => unknown] => [
      `${name} ${String(JSON.stringify(one, plain))?.slice(0, 40)}`,
      () => call(one as never),
    ]);
  const claim = (more: object) => run.claim({ worker: "w", ...more });
  const none = [...badNames, undefined];
  const tokens = [0, -1, undefined, null, ...badNumbers];
  const unknown: object[] = [{ stat: 1 }, { toString: 1 }, { "": 1 }];
  return [
    ...each("id", badNames, (id) => run.create({ id, kind: "k" })),
    ...each("kind", none, (kind) => run.create({ kind })),
    ...each("parent", badNames, (parent) => run.create({ kind: "k", parent })),
    ...each("id of many", badNames, (id) => run.createMany([{ kind: "k" }, { id, kind: "k" }])),
    ...each("get", none, (id) => run.get(id)),
    ...each("delete", none, (id) => run.delete(id)),
    ...each("cancel", none, (id) => run.cancel(id)),
    ...each("update", none, (id) => run.update(id, { state: 1 }, { expectedVersion: 1 })),
    ...each("extend", none, (id) => run.extend(id, 1)),
    ...each("checkpoint", none, (id) => run.checkpoint(id, 1, 1)),
    ...each("complete", none, (id) => run.complete(id, 1)),
    ...each("fail", none, (id) => run.fail(id, 1, "e")),
    ...each("release", none, (id) => run.release(id, 1)),
    ...each("worker", none, (worker) => run.claim({ worker })),
    ...each("kinds", [...badNames.map((kind) => ["a", kind]), [], "a", null, Array(21).fill("a")], (kinds) =>
      claim({ kinds }),
    ),
    ...each("list by kind", badNames, (kind) => run.list({ kind })),
    ...each("list by parent", badNames, (parent) => run.list({ parent })),
    ...each("state", badValues, (state) => run.create({ kind: "k", state })),
    ...each("state of update", badValues, (state) => run.update("a", { state }, { expectedVersion: 1 })),
    ...each("checkpointed", [...badValues, undefined], (state) => run.checkpoint("a", 1, state)),
    ...each("result", badValues, (result) => run.complete("a", 1, result)),
    ...each("error", [undefined, null, 7, "a\0", "\ud800", "x".repeat(65_537)], (error) => run.fail("a", 1, error)),
    ...each("token of extend", tokens, (token) => run.extend("a", token)),
    ...each("token of complete", tokens, (token) => run.complete("a", token)),
    ...each("token of fail", tokens, (token) => run.fail("a", token, "e")),
    ...each("token of release", tokens, (token) => run.release("a", token)),
    ...each("token of update", tokens, (lease) => run.update("a", { state: 1 }, { lease })),
    ...each("version", tokens, (expectedVersion) => run.update("a", { state: 1 }, { expectedVersion })),
    ...each("leaseMs", [99, 86_400_001, null, ...badNumbers], (leaseMs) => claim({ leaseMs })),
    ...each("leaseMs of extend", [99, 86_400_001, null, ...badNumbers], (leaseMs) => run.extend("a", 1, leaseMs)),
    ...each("limit", [0, -1, 101, null, ...badNumbers], (limit) => claim({ limit })),
    ...each("limit of list", [0, -1, 1_001, null, ...badNumbers], (limit) => run.list({ limit })),
    ...each("priority", [1_000_001, -1_000_001, null, ...badNumbers], (priority) =>
      run.create({ kind: "k", priority }),
    ),
    ...each("maxAttempts", [0, 1_001, null, ...badNumbers], (maxAttempts) => run.create({ kind: "k", maxAttempts })),
    ...each("retryAfterMs", [-1, 31_557_600_001, null, ...badNumbers], (ms) =>
      run.fail("a", 1, "e", { retryAfterMs: ms }),
    ),
    ...each("retry", ["no", 0, null], (retry) => run.fail("a", 1, "e", { retry })),
    ...each("notBefore", badDates, (notBefore) => run.create({ kind: "k", notBefore })),
    ...each("status", ["done", "", null, 1, "Queued"], (status) => run.update("a", { status }, { expectedVersion: 1 })),
    ...each("status of list", ["done", null, 1], (status) => run.list({ status })),
    ...each("after", ["", "1", "1.", ".a", "a.b", "-1.a", "1.a\0", 7, null, "99999999999999999.a"], (after) =>
      run.list({ after }),
    ),
    ...each("new run", [undefined, null, 5, [], ...unknown], (one) => run.create(one)),
    ...each("new runs", [undefined, null, "ab", Array(1_001).fill({ kind: "k" }), [null]], (runs) =>
      run.createMany(runs),
    ),
    ...each("change", [undefined, null, {}, 5, ...unknown], (change) =>
      run.update("a", change, { expectedVersion: 1 }),
    ),
    ...each("condition", [undefined, null, {}, 5, { expectedVersion: 1, lease: 1 }, ...unknown], (condition) =>
      run.update("a", { state: 1 }, condition),
    ),
    ...each("claim's options", [undefined, null, 5, ...unknown], (options) => run.claim(options)),
    ...each("list's options", [null, 5, ...unknown], (options) => run.list(options)),
    ...each("fail's options", [null, 5, ...unknown], (options) => run.fail("a", 1, "e", options)),
    ...each("handler", [undefined, null, {}], (handler) => run.work(handler, { worker: "w" })),
    ...each("concurrency", [0, 101, ...badNumbers], (concurrency) => run.work(() => 1, { worker: "w", concurrency })),
    ...each("pollMs", [9, 60_001, ...badNumbers], (pollMs) => run.work(() => 1, { worker: "w", pollMs })),
    ...each("work's options", [undefined, null, { worker: "w", limit: 2 }, ...unknown], (options) =>
      run.work(() => 1, options),
    ),
    ["signal", () => run.work(() => 1, { worker: "w", signal: as({ aborted: false }) })],
    ["too much at once", () => run.createMany(Array(17).fill({ kind: "k", state: "x".repeat(MiB - 2) }))],
  ];
}

export function input(bench: () => Bench): void {
  it("refuses bad input before anything is written", async () => {
    const { run, tenant } = bench().fresh();
    await run.create({ id: "a", kind: "k" });
    const calls = badCalls(run);
    for (const [what, call] of calls) await expectInvalid(Promise.resolve().then(call), what);
    expect(calls.length).toBeGreaterThan(400);
    await expect(run.create({ kind: "k", stat: 1 } as never)).rejects.toThrow('no option "stat". It has id, kind,');
    expect((await run.list()).runs).toMatchObject([{ id: "a", version: 1, status: "queued" }]);
    for (const bad of ["A", "", "a'b"]) await expectInvalid(allOf(bench().fleet.run.export({ tenant: bad })), bad);
    expect((await bench().fleet.run.tenants()).find((one) => one.tenant === tenant)?.runs).toBe(1);
  });

  it("takes everything at its limits", async () => {
    const { run } = bench().fresh();
    const name = "\uffee".repeat(512);
    const state = { text: "ü🚲".repeat((MiB - 100) / 6) };
    const { run: made } = await run.create({
      ...{ id: name, kind: name, parent: name, state, priority: 1_000_000, maxAttempts: 1_000 },
      notBefore: new Date(0),
    });
    expect(JSON.stringify(made.state) === JSON.stringify(state)).toBe(true);
    const [held] = await run.claim({ worker: name, kinds: [name], leaseMs: 86_400_000, limit: 100 });
    expect(held?.lease.worker).toBe(name);
    const token = held?.lease.token ?? 0;
    await run.checkpoint(name, token, nested(64) as Json);
    await run.fail(name, token, "\n".repeat(65_536), { retryAfterMs: 31_557_600_000 });
    expect((await run.get(name))?.error).toHaveLength(65_536);
    const notBefore = new Date("2254-12-31T23:59:59.999Z");
    await run.update(name, { notBefore, result: "x".repeat(MiB - 2) }, { expectedVersion: 4 });
    const kept = await run.get(name);
    expect([kept?.notBefore, kept?.state, String(kept?.result).length]).toEqual([notBefore, nested(64), MiB - 2]);
    expect((await run.list({ kind: name, parent: name, limit: 1_000 })).runs).toHaveLength(1);
    const all = await run.createMany(Array(16).fill({ kind: "many", state: "x".repeat(MiB - 2) }));
    expect(all.every(({ run: one }) => String(one.state).length === MiB - 2)).toBe(true);
  });

  it("refuses or round-trips anything", async () => {
    const { run } = bench().fresh();
    const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const injection = fc.constantFrom(
      "'; drop table run; --",
      "$1",
      "\\",
      '"}]',
      "{}",
      "null",
      "%s",
      "a:b*",
      "\u2028",
      "__proto__",
    );
    const name = fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
      { weight: 2, arbitrary: injection },
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: fc.string({ unit: unit16 }) },
      { weight: 1, arbitrary: fc.string({ minLength: 505, maxLength: 520 }) },
    );
    const value = fc.oneof(
      { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: "binary" }) },
      { weight: 1, arbitrary: injection },
      { weight: 2, arbitrary: fc.anything() },
    );
    const number = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -1_000_000, max: 1_000_000 }) },
      { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double()) },
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(name, name, name, value, value, number, async (id, kind, worker, state, result, priority) => {
        const whole = (text: string) =>
          text.length > 0 && text.length <= 512 && text.isWellFormed() && !text.includes("\0");
        const refusable = async (call: Promise<unknown>) => {
          const error = await call.then(
            () => undefined,
            (thrown) => thrown,
          );
          if (error) expect(error).toMatchObject({ name: "StoreError", code: "invalid" });
          return error === undefined;
        };
        if (!(await refusable(run.create({ id, kind, parent: worker, state: state as Json, priority })))) {
          if (whole(id)) expect(await run.get(id)).toBeUndefined();
          return;
        }
        const same = (given: unknown) => JSON.parse(JSON.stringify(given) ?? "null");
        const expected = { id, kind, parent: worker, state: same(state), priority: priority + 0 };
        expect(await run.get(id)).toMatchObject(expected);
        const [held] = await run.claim({ worker, kinds: [kind, "none"] });
        expect(held).toMatchObject({ ...expected, lease: { worker } });
        const token = held?.lease.token ?? 0;
        const kept = await refusable(run.complete(id, token, result as Json));
        const { runs } = await run.list({ kind, parent: worker, status: kept ? "succeeded" : "running" });
        expect(runs).toMatchObject([{ ...expected, result: kept ? same(result) : null }]);
        expect(await run.delete(id)).toBe(true);
        accepted++;
      }),
      { numRuns: casesOn(bench().under.name) },
    );
    expect(accepted).toBeGreaterThan(0.3 * casesOn(bench().under.name));
    expect(await run.counts()).toEqual([]);
  }, 120_000);
}
