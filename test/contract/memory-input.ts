import fc from "fast-check";
import { expect, it } from "vitest";
import type { Json, MemoryStore, NewFact } from "../../adapters/index.ts";
import { runsOf } from "../../adapters/memory/words.ts";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";
import { casesOn } from "./thorough.ts";

const KiB = 1024;
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
const bare = Object.create(null); // has no way to become text
const badNames: unknown[] = ["", "x".repeat(513), "a\0", "\ud800", "a\udc00b", 7, {}, [], bare];
const badValues: unknown[] = [
  undefined,
  () => 1,
  Symbol("s"),
  1n,
  NaN,
  -Infinity,
  new Date(),
  new Map(),
  "\0",
  "\udfff",
  { "\0": 1 },
  { a: undefined },
  [undefined],
  { toJSON: () => 1 },
  nested(66),
  "x".repeat(256 * KiB),
  ["ü".repeat(128 * KiB)],
];
const badShares: unknown[] = [-0.1, 1.1, NaN, Infinity, "0.5", bare, 1n];
const badDates: unknown[] = [0, "2026-01-01", new Date(NaN), new Date(-1), new Date("2200-01-01"), bare, Date.now()];
const badLimits: unknown[] = [0, -1, 0.5, 1_001, NaN, "20", null, 2n, bare];
const badVersions: unknown[] = [-1, 0.5, NaN, 2 ** 53, "1", null, 1n];
const badCursors: unknown[] = ["", "x", "MQ", 7, null, bare, Buffer.from("1 1").toString("base64url"), "' or 1=1 --"];
const misspelt: object[] = [{ expiresat: null }, { toString: 1 }, { "": 1 }, { __proto__: null, keys: 1 }];

/** Calls by what is wrong with them; nothing of them may be written. */
function badCalls(memory: MemoryStore): [what: string, call: () => unknown][] {
  const as = <T>(value: unknown) => value as T;
  const each = (name: string, bad: readonly unknown[], call: (one: never) => unknown) =>
    bad.map((one, n): [string, () => unknown] => [`${name}, case ${n}`, () => call(one as never)]);
  const fact = (more: object) => memory.put({ key: "k", value: 1, ...more });
  const missing = [undefined, null];
  return [
    ...each("key", [...badNames, ...missing], (key) => memory.put({ key, value: 1 })),
    ...each("value", badValues, (value) => memory.put({ key: "k", value })),
    ...each("agent", badNames, (agent) => fact({ agent })),
    ...each("kind", [...badNames, null], (kind) => fact({ kind })),
    ...each("source", badNames, (source) => fact({ source })),
    ...each("confidence", badShares, (confidence) => fact({ confidence })),
    ...each("expiresAt", badDates, (expiresAt) => fact({ expiresAt })),
    ...each("misspelt", misspelt, (more) => fact(more)),
    ...each("fact", [undefined, null, "k", [], new Map(), 7], (given) => memory.put(given)),
    ...each("actor", badNames, (actor) => memory.put({ key: "k", value: 1 }, { actor })),
    ...each("version", badVersions, (expectedVersion) => memory.put({ key: "k", value: 1 }, { expectedVersion })),
    ...each("options", [5, null, [], { version: 1 }], (options) => memory.put({ key: "k", value: 1 }, options)),
    ...each("many", [[], "text", undefined, {}, Array(1_001).fill({ key: "k", value: 1 })], (all) =>
      memory.putMany(all),
    ),
    ...each("one of many", [...badValues], (value) =>
      memory.putMany([
        { key: "k", value: 1 },
        { key: "l", value },
      ]),
    ),
    ["twice", () => memory.putMany(["k", "l", "k"].map((key) => ({ key, value: 1 })))],
    [
      "too much at once",
      () => memory.putMany(Array.from({ length: 70 }, (_, n) => ({ key: `k${n}`, value: "x".repeat(250 * KiB) }))),
    ],
    ["options of many", () => memory.putMany([{ key: "k", value: 1 }], as({ expectedVersion: 1 }))],
    ...each("get", [...badNames, ...missing], (key) => memory.get(key)),
    ...each("getMany", [...badNames, ...missing], (key) => memory.getMany(["k", key])),
    ["too many keys", () => memory.getMany(Array(1_001).fill("k"))],
    ["no list of keys", () => memory.getMany(as("k"))],
    ...each("delete", [...badNames, ...missing], (key) => memory.delete({ key })),
    ...each("delete by id", badNames, (id) => memory.delete({ id })),
    ...each("delete what", [undefined, null, "k", {}, { key: "k", id: "i" }, { keys: "k" }], (which) =>
      memory.delete(which),
    ),
    ...each("deleting actor", badNames, (actor) => memory.delete({ key: "k" }, { actor })),
    ...each("history", [...badNames, ...missing], (key) => memory.history(key)),
    ...each("limit of history", badLimits, (limit) => memory.history("k", { limit })),
    ...each("before", [0, ...badVersions], (before) => memory.history("k", { before })),
    ...each("text", ["a\0", "\ud800", "x".repeat(4_097), 7, null, bare], (text) => memory.search({ text })),
    ["words", () => memory.search({ text: Array.from({ length: 33 }, (_, n) => `w${n}`).join(" ") })],
    ...each("search kind", badNames, (kind) => memory.search({ kind })),
    ...each("search agent", badNames, (agent) => memory.search({ agent })),
    ...each("search source", badNames, (source) => memory.search({ source })),
    ...each("prefix", badNames, (prefix) => memory.search({ prefix })),
    ...each("minConfidence", [...badShares, null], (minConfidence) => memory.search({ minConfidence })),
    ...each("limit", badLimits, (limit) => memory.search({ limit })),
    ...each("after", badCursors, (after) => memory.search({ after })),
    ...each("search", [5, null, "text", [], { query: "x" }], (search) => memory.search(search)),
  ];
}

const injected = fc.constantFrom(
  "'; drop table agents.memory_facts; --",
  '"',
  "\\",
  "$1",
  "?",
  "%",
  "_",
  "{}",
  "\u2028",
  "__proto__",
  "constructor",
  "null",
  "{a,b}",
  '{"a"}',
  "\\x00",
  "\u202e",
  "﷽",
  "\u0301",
);
// JSON.parse of V8 13.6 takes the name `"` for a backslash where it saw an object with that name in its place before.
const names = injected.filter((name) => !name.endsWith("\\"));
const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }) },
  { weight: 3, arbitrary: injected },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.string({ unit: unit16 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 505, maxLength: 520 }) },
);
const value = fc.oneof(
  { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) },
  { weight: 2, arbitrary: fc.dictionary(names, injected) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: "binary" }) },
  { weight: 2, arbitrary: fc.anything() },
);
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 2 });
const given = fc.record({
  key: text,
  value,
  agent: optional(text),
  kind: optional(text),
  source: optional(text),
  confidence: optional(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double())),
  expiresAt: optional(fc.date({ min: new Date("2100-01-01"), max: new Date("2210-01-01"), noInvalidDate: false })),
});

export function input(bench: () => Bench): void {
  it("refuses bad input before anything is written", async () => {
    const { memory, tenant } = bench().fresh();
    const calls = badCalls(memory);
    for (const [what, call] of calls) await expectInvalid(Promise.resolve().then(call), what);
    expect(calls.length).toBeGreaterThan(250);
    expect((await memory.search()).facts).toEqual([]);
    expect(await memory.history("k")).toEqual([]);
    expect((await bench().fleet.memory.tenants()).map((one) => one.tenant)).not.toContain(tenant);
    await expect(memory.put({ key: "k", value: 1, ttl: 5 } as NewFact)).rejects.toThrow(
      'The fact has no "ttl". It has key, value, agent, kind, confidence, source, expiresAt.',
    );
  });

  it("takes what is as large as may be", async () => {
    const { memory } = bench().fresh();
    const name = "\uffee".repeat(512);
    const largest = { key: name, value: "ab ".repeat(87_000), agent: name, kind: name, source: name };
    const put = await memory.put(largest, { actor: name });
    expect(await memory.get(name)).toEqual(put);
    // As many words as a value can have.
    const many = Array.from({ length: 40_000 }, (_, n) => n.toString(36)).join(" ");
    await memory.put({ key: "many", value: many });
    expect((await memory.search({ text: "uu7 0 1 2 3 zz" })).facts.map(({ key }) => key)).toEqual(["many"]);
    for (const search of [{ agent: name }, { kind: name }, { source: name }, { prefix: name }])
      expect((await memory.search(search)).facts).toEqual([put]);
    expect(
      (await memory.search({ text: "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6" })).facts.length,
    ).toBe(1);
  });

  it("gives back what it takes, and refuses the rest, whatever it is", async () => {
    const { memory } = bench().fresh();
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(given, optional(text), async (fact, actor) => {
        const named =
          fact.key.length > 0 && fact.key.length <= 512 && fact.key.isWellFormed() && !fact.key.includes("\0");
        let put: Awaited<ReturnType<MemoryStore["put"]>>;
        try {
          put = await memory.put(fact as NewFact, { actor });
        } catch (error) {
          expect(error).toMatchObject({ name: "StoreError", code: "invalid" });
          if (!named) return;
          const last = await memory.history(fact.key, { limit: 1 });
          expect([await memory.get(fact.key), last[0]?.after ?? null]).toEqual([undefined, null]);
          return;
        }
        const { key, agent = null, kind = "fact", source = null, confidence = null, expiresAt = null } = fact;
        const kept = JSON.parse(JSON.stringify(fact.value)) as Json;
        expect(put).toMatchObject({
          key,
          agent,
          kind,
          source,
          confidence: confidence === null ? null : confidence + 0,
          expiresAt,
        });
        expect(put.value).toEqual(kept);
        expect(await memory.get(key)).toEqual(put);
        expect((await memory.search({ kind, source: source ?? undefined, prefix: key })).facts).toEqual([put]);
        expect(await memory.delete({ id: put.id })).toBe(true);
        expect(await memory.history(key, { limit: 2 })).toMatchObject([
          { before: put },
          { actor: actor ?? null, after: put },
        ]);
        accepted++;
      }),
      { numRuns: casesOn(bench().under.name) },
    );
    expect(accepted).toBeGreaterThan(0.25 * casesOn(bench().under.name));
  }, 120_000);

  it("searches for any text without an error", async () => {
    const { memory } = bench().fresh();
    await memory.put({ key: "k", value: "v" });
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const found = await memory.search({ text: given }).catch((error) => error);
        const possible = given.isWellFormed() && !given.includes("\0") && runsOf(given).length <= 32;
        if (possible) expect(found.facts).toBeInstanceOf(Array);
        else if (found.facts === undefined) expect(found).toMatchObject({ name: "StoreError", code: "invalid" });
      }),
      { numRuns: 200 },
    );
  });
}
