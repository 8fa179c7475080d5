import fc from "fast-check";
import { expect, it } from "vitest";
import type { Json, SessionStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid, refused } from "./expectations.ts";
import { casesOn } from "./thorough.ts";

const MiB = 1024 * 1024;
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
const badNames: unknown[] = ["", "x".repeat(513), "a\0", "\ud800", "a\udc00b", undefined, null, 7, {}];
const badValues: unknown[] = [
  undefined,
  () => 1,
  Symbol("s"),
  1n,
  NaN,
  Infinity,
  new Date(),
  new Map(),
  "\0",
  "\udfff",
  { "\0": 1 },
  { a: undefined },
  [undefined],
  { toJSON: () => 1 },
  nested(66),
  Object.assign([1], { toJSON: () => 2 }),
  Object.defineProperty({ a: 1 }, "toJSON", { value: () => 2 }),
  Object.defineProperty([1], "toJSON", { value: () => 2 }),
  [{ a: Object.defineProperty({}, "toJSON", { value: () => 2 }) }],
  "x".repeat(8 * MiB),
  ["ü".repeat(4 * MiB)],
];
const bare = Object.create(null); // has no way to become text
const badTtls: unknown[] = [0, -1, 0.5, NaN, Infinity, 315_576_000_001, 2 ** 53, "1000", null, 10n, bare, [bare]];
const unknownOptions: object[] = [{ ttl: 1_000 }, { ttlMs: 1_000, ttl: undefined }, { toString: 1 }, { "": 1 }];

/** Calls by what is wrong with them; nothing of them may be written. */
function badCalls(session: SessionStore): [what: string, call: () => unknown][] {
  const as = <T>(value: unknown) => value as T;
  const each = (name: string, bad: readonly unknown[], call: (one: never) => unknown) =>
    bad.map((one): [string, () => unknown] => [
      `${name} ${String(JSON.stringify(one, plain))?.slice(0, 40)}`,
      () => call(one as never),
    ]);
  const names = (call: (name: never) => unknown, what: string) => each(what, badNames, call);
  return [
    ...names((name) => session.set(name, 1), "set"),
    ...names((name) => session.get(name), "get"),
    ...names((name) => session.getMany(["a", name]), "getMany"),
    ...names((name) => session.append(name, [1]), "append"),
    ...names((name) => session.increment(name), "increment"),
    ...names((name) => session.rateLimit(name, { limit: 1, windowMs: 1 }), "rateLimit"),
    ...names((name) => session.lock(name), "lock"),
    ...names((name) => session.setScore(name, "m", 1), "setScore"),
    ...names((name) => session.setScore("r", name, 1), "member"),
    ...names((name) => session.publish(name, 1), "publish"),
    ...names((name) => session.subscribe(name, () => {}), "subscribe"),
    ...names((name) => session.set("k", 1, { fence: { lock: name, token: 1 } }), "fence"),
    ...each("value", badValues, (value) => session.set("k", value)),
    ...each("message", badValues, (value) => session.append("l", [1, value])),
    ...each("published", badValues, (value) => session.publish("c", value)),
    ...each("ttl of set", badTtls, (ttlMs) => session.set("k", 1, { ttlMs })),
    ...each("ttl of append", badTtls, (ttlMs) => session.append("l", [1], { ttlMs })),
    ...each("ttl of increment", badTtls, (ttlMs) => session.increment("c", 1, { ttlMs })),
    ...each("ttl of lock", [...badTtls, 99, 3_600_001], (ttlMs) => session.lock("l", { ttlMs })),
    ...each("waitMs", [-1, 0.5, NaN, Infinity], (waitMs) => session.lock("l", { waitMs })),
    ...each(
      "expire",
      badTtls.filter((one) => one !== null),
      (ttlMs) => session.expire("k", ttlMs),
    ),
    ...each("keep", [0, -1, 1.5, NaN, 1_000_001], (keep) => session.append("l", [1], { keep })),
    ...each("messages", [[], Array(1_001).fill(1), "text", null], (messages) => session.append("l", messages)),
    ...each("by", [0.5, NaN, 2 ** 53, -(2 ** 53), "1"], (by) => session.increment("c", by)),
    ...each("score", [NaN, Infinity, -Infinity, "1", undefined, bare], (score) => session.setScore("r", "m", score)),
    ...each("added", [NaN, Infinity, "1"], (by) => session.addScore("r", "m", by)),
    ...each("limit", [0, -1, 1.5, 1_000_001, NaN], (limit) => session.rateLimit("b", { limit, windowMs: 1_000 })),
    ...each("window", [0, -1, 0.5, 31_557_600_001, NaN], (windowMs) => session.rateLimit("b", { limit: 1, windowMs })),
    ...each("cost", [0, -1, 0.5, 3, NaN], (cost) => session.rateLimit("b", { limit: 2, windowMs: 1_000, cost })),
    ...each("token", [0, -1, 0.5, NaN, 2 ** 53, "1"], (token) => session.set("k", 1, { fence: { lock: "l", token } })),
    ...each("last", [0, -1, 0.5, 1_000_001], (last) => session.messages("l", { last })),
    ...each("after", [-1, 0.5, NaN], (after) => session.messages("l", { after })),
    ...each("ranking", [{ limit: 0 }, { limit: 10_001 }, { offset: -1 }], (options) => session.ranking("r", options)),
    ["both", () => session.messages("l", as({ last: 1, after: 1 }))],
    ["limit alone", () => session.messages("l", as({ limit: 1 }))],
    ["ifAbsent", () => session.set("k", 1, { ifAbsent: as("yes") })],
    ["bare ifAbsent", () => session.set("k", 1, { ifAbsent: as(bare) })],
    ...each("unknown of set", unknownOptions, (options) => session.set("k", 1, options)),
    ...each("unknown of append", unknownOptions, (options) => session.append("l", [1], options)),
    ...each("unknown of increment", unknownOptions, (options) => session.increment("c", 1, options)),
    ...each("unknown of lock", unknownOptions, (options) => session.lock("l", options)),
    ...each("unknown of messages", unknownOptions, (options) => session.messages("l", options)),
    ...each("unknown of ranking", unknownOptions, (options) => session.ranking("r", options)),
    ["unknown of keys", () => allOf(session.keys(as({ prefx: "k" })))],
    ["unknown of a rate", () => session.rateLimit("b", as({ limit: 1, windowMs: 1_000, window: 1_000 }))],
    ["options", () => session.set("k", 1, as(5))],
    ["fence", () => session.set("k", 1, { fence: as("l") })],
    ["no rate", () => session.rateLimit("b", as(undefined))],
    ["too many keys", () => session.getMany(Array(10_001).fill("k"))],
    ["too much at once", () => session.append("l", Array(3).fill("x".repeat(3 * MiB)))],
    ["prefix", () => allOf(session.keys({ prefix: "\0" }))],
    ["receiver", () => session.subscribe("c", as(undefined))],
  ];
}

const plain = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);

export function input(bench: () => Bench): void {
  it("refuses bad input before anything is written", async () => {
    const { session, tenant } = bench().fresh();
    const calls = badCalls(session);
    for (const [what, call] of calls) await expectInvalid(Promise.resolve().then(call), what);
    expect(calls.length).toBeGreaterThan(250);
    for (const id of [bare, [bare], { toString: () => 1 }, Symbol("s")])
      expect(() => bench().stores.tenant(id as string)).toThrow(expect.objectContaining(refused("invalid")));
    await expect(session.set("k", 1, { ttl: 1_000 } as object)).rejects.toThrow(
      '"ttl". It has ttlMs, ifAbsent, fence.',
    );
    expect((await bench().fleet.session.tenants()).filter((one) => one.tenant === tenant)).toEqual([]);
  });

  it("takes everything at its limits", async () => {
    const { session } = bench().fresh();
    const name = "\uffee".repeat(512);
    const most = "x".repeat(8 * MiB - 2);
    expect(await session.set(name, most, { ttlMs: 315_576_000_000 })).toBe(true);
    expect((await session.get(name)) === most).toBe(true);
    expect(await session.delete(name)).toBe(true);
    const large = { text: "ü🚲".repeat((7 * MiB) / 6) };
    expect(await session.append(name, [large, 1], { keep: 1_000_000, ttlMs: 315_576_000_000 })).toEqual({
      seq: 2,
      length: 2,
    });
    const [first] = await session.messages(name, { after: 0, limit: 1 });
    expect(JSON.stringify(first?.value) === JSON.stringify(large)).toBe(true);
    await session.clearMessages(name);
    expect(await session.append(name, Array(1_000).fill(1))).toEqual({ seq: 1_000, length: 1_000 });
    expect(await session.getMany(Array(10_000).fill(name))).toHaveLength(10_000);
    await session.setScore(name, name, Number.MAX_VALUE);
    expect(await session.rankOf(name, name)).toEqual({ member: name, score: Number.MAX_VALUE, rank: 1 });
    const heard: Json[] = [];
    await using _ = await session.subscribe(name, (message) => void heard.push(message));
    await session.publish(name, large);
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
    expect(JSON.stringify(heard[0]) === JSON.stringify(large)).toBe(true);
  });

  it("refuses or round-trips anything", async () => {
    const { session } = bench().fresh();
    const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const name = fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: fc.string({ unit: unit16 }) },
      { weight: 1, arbitrary: fc.string({ minLength: 505, maxLength: 520 }) },
    );
    const value = fc.oneof(
      { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: "binary" }) },
      { weight: 2, arbitrary: fc.anything() },
    );
    const ttlMs = fc.oneof(
      { weight: 6, arbitrary: fc.option(fc.integer({ min: 60_000, max: 315_576_000_000 }), { nil: undefined }) },
      // None that is over before it is looked for.
      {
        weight: 1,
        arbitrary: fc
          .oneof(fc.integer({ max: 0 }), fc.double(), fc.maxSafeInteger())
          .filter((ms) => !(ms >= 1 && ms < 60_000)),
      },
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(name, value, ttlMs, fc.boolean(), async (name, value, ttlMs, asMessage) => {
        const read = async () =>
          asMessage ? (await session.messages(name)).map((one) => one.value) : [await session.get(name)];
        const named = name.length > 0 && name.length <= 512 && name.isWellFormed() && !name.includes("\0");
        try {
          if (asMessage) await session.append(name, [value as Json], { ttlMs, keep: 1 });
          else await session.set(name, value as Json, { ttlMs });
        } catch (error) {
          expect(error).toMatchObject({ name: "StoreError", code: "invalid" });
          if (named) expect(await read()).toEqual(asMessage ? [] : [undefined]);
          return;
        }
        expect(await read()).toEqual([JSON.parse(JSON.stringify(value))]);
        await (asMessage ? session.clearMessages(name) : session.delete(name));
        accepted++;
      }),
      { numRuns: casesOn(bench().under.name) },
    );
    expect(accepted).toBeGreaterThan(0.3 * casesOn(bench().under.name));
  });
}
