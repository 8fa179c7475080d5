import fc from "fast-check";
import { expect, it } from "vitest";
import { eventStore } from "../../adapters/event/store.ts";
import type { EventStore, Json, NewEvent } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { events } from "./event-basics.ts";
import { allOf, eventually, expectInvalid, refused } from "./expectations.ts";
import { casesOn } from "./thorough.ts";

const KiB = 1024;
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
const badNames: unknown[] = ["", "x".repeat(513), "a\0", "\ud800", "a\udc00b", undefined, null, 7, {}];
const badData: unknown[] = [
  undefined,
  () => 1,
  1n,
  NaN,
  Infinity,
  new Date(),
  "\0",
  "\udfff",
  { "\0": 1 },
  { a: undefined },
  { toJSON: () => 1 },
  nested(66),
  "x".repeat(256 * KiB - 1),
  ["ü".repeat(128 * KiB)],
];
const badVersions: unknown[] = [-1, 0.5, NaN, Infinity, 2 ** 53, "1", null, 1n];

/** Calls by what is wrong with them; nothing of them may be written. */
function badCalls(store: EventStore): [what: string, call: () => unknown][] {
  const as = <T>(value: unknown) => value as T;
  const each = (name: string, bad: readonly unknown[], call: (one: never) => unknown) =>
    bad.map((one, at): [string, () => unknown] => [`${name} ${at}`, () => call(one as never)]);
  const handle = () => {};
  const one: NewEvent = { type: "t", data: 1 };
  return [
    ...each("append to", badNames, (name) => store.append(name, [one])),
    ...each("read", badNames, (name) => store.read(name)),
    ...each("head", badNames, (name) => store.head(name)),
    ...each("follow", badNames, (name) => allOf(store.follow(name))),
    ...each("groups", badNames, (name) => store.groups(name)),
    ...each("trim", badNames, (name) => store.trim(name, { keep: 1 })),
    ...each("subscribe", badNames, (name) => store.subscribe(name, { group: "g" }, handle)),
    ...each("group", badNames, (group) => store.subscribe("s", { group }, handle)),
    ...each(
      "consumer",
      badNames.filter((name) => name !== undefined),
      (consumer) => store.subscribe("s", { group: "g", consumer }, handle),
    ),
    ...each("type", badNames, (type) => store.append("s", [one, { type, data: 1 }])),
    ...each(
      "id",
      badNames.filter((name) => name !== undefined),
      (id) => store.append("s", [one, { ...one, id }]),
    ),
    ...each(
      "prefix",
      badNames.filter((name) => name !== undefined && name !== ""),
      (prefix) => allOf(store.streams({ prefix })),
    ),
    ...each("data", badData, (data) => store.append("s", [one, { type: "t", data }])),
    ...each(
      "events",
      [
        [],
        Array(1_001).fill(one),
        "text",
        null,
        undefined,
        [undefined],
        [null],
        [[]],
        [1],
        new Array(3),
        { length: 1, 0: one },
      ],
      (all) => store.append("s", all),
    ),
    [
      "same ids",
      () =>
        store.append("s", [
          { ...one, id: "a" },
          { ...one, id: "a" },
        ]),
    ],
    ["8 MiB", () => store.append("s", Array(40).fill({ type: "t", data: "x".repeat(250 * KiB) }))],
    ["unknown of an event", () => store.append("s", [as({ ...one, kind: "k" })])],
    ...each("expectedVersion", badVersions, (expectedVersion) => store.append("s", [one], { expectedVersion })),
    ...each("after", badVersions, (after) => store.read("s", { after })),
    ...each("after of follow", badVersions, (after) => allOf(store.follow("s", { after }))),
    ...each("limit", [...badVersions, 0, 1_001], (limit) => store.read("s", { limit })),
    ...each("backwards", ["yes", 1, null], (backwards) => store.read("s", { backwards })),
    ...each("from", [...badVersions, "end"], (from) => store.subscribe("s", { group: "g", from }, handle)),
    ...each("ackMs", [...badVersions, 0, 99, 86_400_001], (ackMs) =>
      store.subscribe("s", { group: "g", ackMs }, handle),
    ),
    ...each("batch", [...badVersions, 0, 101], (batch) => store.subscribe("s", { group: "g", batch }, handle)),
    ...each("signal", [null, 1, {}, new AbortController()], (signal) =>
      store.subscribe("s", { group: "g", signal }, handle),
    ),
    ...each("signal of follow", [null, 1, {}], (signal) => allOf(store.follow("s", { signal }))),
    ...each("handler", [undefined, null, {}, "f"], (handler) => store.subscribe("s", { group: "g" }, handler)),
    ...each("keep", badVersions, (keep) => store.trim("s", { keep })),
    ...each("before", ["2020-01-01", 1, null, new Date(NaN), new Date(-1), new Date(8.64e15)], (before) =>
      store.trim("s", { before }),
    ),
    ["nothing to trim", () => store.trim("s", as({}))],
    ["no trim", () => store.trim("s", as(undefined))],
    ["both of trim", () => store.trim("s", as({ keep: 1, before: new Date() }))],
    ["no options", () => store.subscribe("s", as(undefined), handle)],
    ["no group", () => store.subscribe("s", as({}), handle)],
    ...each("unknown", [{ version: 1 }, 5, "x", null, []], (options) => store.append("s", [one], options)),
    ...each("unknown of read", [{ last: 1 }, 5, null], (options) => store.read("s", options)),
    ...each("unknown of follow", [{ from: 1 }, 5, null], (options) => allOf(store.follow("s", options))),
    ...each("unknown of streams", [{ prefx: "a" }, 5, null], (options) => allOf(store.streams(options))),
    ["unknown of subscribe", () => store.subscribe("s", as({ group: "g", ack: 1 }), handle)],
    ["unknown of trim", () => store.trim("s", as({ keep: 1, olderThan: 1 }))],
  ];
}

export function input(bench: () => Bench): void {
  it("refuses bad input before anything is written", async () => {
    const { event, tenant } = bench().fresh();
    const calls = badCalls(event);
    for (const [what, call] of calls) await expectInvalid(Promise.resolve().then(call) as Promise<unknown>, what);
    expect(calls.length).toBeGreaterThan(180);
    const tenants = await bench().fleet.event.tenants();
    expect(tenants.filter((one) => one.tenant === tenant)).toEqual([]);
    for (const olderThanMs of [...badVersions, undefined])
      await expectInvalid(bench().fleet.event.purge({ olderThanMs: olderThanMs as number }), "purge");
  });

  it("takes everything at its limits", async () => {
    const { event } = bench().fresh();
    const name = "\uffee".repeat(512);
    const large = "ü".repeat(128 * KiB - 1);
    const batch = [...Array(31).fill({ type: name, data: large }), { type: name, data: large, id: name }];
    expect(await event.append(name, batch)).toEqual({ version: 32 });
    const found = await event.read(name, { limit: 1_000 });
    expect(found.every(({ type, data }) => type === name && data === large)).toBe(true);
    expect(found.at(-1)?.id).toBe(name);
    expect((await event.read(name, { backwards: true, limit: 1_000 })).map(({ version }) => version)).toEqual(
      found.map(({ version }) => version).reverse(),
    );
    const seen: number[] = [];
    const options = { group: name, consumer: name, batch: 100, ackMs: 86_400_000 };
    await using _ = await event.subscribe(name, options, ({ version }) => void seen.push(version));
    await eventually(async () => expect(seen).toHaveLength(32));
    expect(await event.append("many", events(1_000))).toEqual({ version: 1_000 });
    expect(await event.read("many", { limit: 1_000 })).toHaveLength(1_000);
    expect(await event.read("many", { after: 2 ** 53 - 1 })).toEqual([]);
    expect(await event.trim("many", { keep: 2 ** 53 - 1 })).toBe(0);
    expect(await event.trim("many", { keep: 0 })).toBe(1_000);
  });

  it("refuses or round-trips anything", async () => {
    const { event } = bench().fresh();
    const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const name = fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: fc.string({ unit: unit16 }) },
      { weight: 1, arbitrary: fc.string({ minLength: 505, maxLength: 520 }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          "__proto__",
          "'; drop table events.events; --",
          "a\r\nDEL b",
          "$1",
          "*",
          ":",
          "\\",
          '"{},',
        ),
      },
    );
    const data = fc.oneof(
      { weight: 8, arbitrary: fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: "binary" }) },
      { weight: 2, arbitrary: fc.anything() },
    );
    const versions = fc.option(fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double()), { nil: undefined });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(
        name,
        name,
        fc.option(name, { nil: undefined }),
        data,
        versions,
        async (stream, type, id, data, after) => {
          const one = { type, data: data as Json, ...(id !== undefined && { id }) };
          const head = await event.head(stream).catch(() => 0);
          const answer = await event.append(stream, [one]).catch((error) => {
            expect(error).toMatchObject(refused("invalid"));
            return undefined;
          });
          if (answer) {
            if (answer.version <= head) return; // the id was there
            accepted++;
            expect(answer.version).toBe(head + 1);
            const [found] = await event.read(stream, { after: head });
            expect(found).toMatchObject({ stream, type, version: head + 1 });
            expect(found?.id).toBe(id);
            expect(JSON.stringify(found?.data)).toBe(JSON.stringify(data));
          }
          if (after === undefined) return;
          const read = await event.read(stream, { after }).catch((error) => {
            expect(error).toMatchObject(refused("invalid"));
            return [];
          });
          for (const { version } of read) expect(version).toBeGreaterThan(after);
        },
      ),
      { numRuns: casesOn(bench().under.name) },
    );
    expect(accepted).toBeGreaterThan(0.4 * casesOn(bench().under.name));
  }, 120_000);

  it("refuses what a store cannot do", async () => {
    const { event } = bench().fresh();
    const can = { ...event.can, expectedVersion: false, idempotent: false };
    const less = eventStore(
      {} as never,
      can,
      {
        expectedVersion: "It has no compare-and-set.",
        idempotent: "It knows no ids.",
      },
      new Set(),
    );
    const one = { type: "t", data: 1 };
    await expect(less.append("s", [one], { expectedVersion: 0 })).rejects.toMatchObject(refused("unsupported"));
    await expect(less.append("s", [{ ...one, id: "a" }])).rejects.toMatchObject(refused("unsupported"));
    for (const [name, can] of Object.entries(event.can))
      expect(event.why[name as "durable"] === undefined, name).toBe(can);
  });
}
