import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Metadata } from "../../adapters/input.ts";
import { byCodePoint } from "../../adapters/order.ts";
import { type Filter, type FilterNode, matches, parseFilter } from "../../adapters/vector/filter.ts";
import { covers, OVERFLOW, type TagRange, tagsOf } from "../../adapters/vector/tags.ts";

const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe("order by code point", () => {
  it("is the order of UTF-8 bytes", () => {
    const any = fc.string({ unit: "binary", maxLength: 6 });
    const near = fc.string({
      unit: fc.constantFrom("a", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "🚲"),
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.oneof(any, near),
        fc.oneof(any, near),
        (a, b) => Math.sign(byCodePoint(a, b)) === Math.sign(bytes(a, b)),
      ),
      { numRuns: 2_000 },
    );
  });
});

const text = fc.string({ unit: "binary", maxLength: 3 }).map((s) => s.replaceAll("\0", ""));

describe("tags", () => {
  const key = fc.oneof(fc.constantFrom("a", "b", "\u0001", "x".repeat(100)), text);
  const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const scalar = fc.oneof(number, fc.boolean(), text, fc.constant("y".repeat(200)));
  const metadata = fc.dictionary(key, fc.oneof(scalar, fc.constantFrom<null | number[]>(null, [1])), {
    maxKeys: 8,
  }) as fc.Arbitrary<Metadata>;
  const condition = fc.oneof(
    scalar,
    fc.record({ in: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({ gte: number }),
    fc.record({ gt: number, lte: number }),
    fc.record({ exists: fc.boolean() }),
  );
  const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      fc.dictionary(key, condition, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
      fc
        .tuple(fc.constantFrom("and", "or", "not"), fc.array(tie("filter"), { maxLength: 3 }))
        .map(([op, of]) => ({ [op]: of })),
    ) as fc.Arbitrary<Filter>,
  }));
  const within = (one: Metadata, ranges: readonly TagRange[]) =>
    tagsOf(one).filter((tag) => ranges.some(([from, to]) => bytes(from, tag) <= 0 && bytes(tag, to) <= 0));
  const overflows = (one: Metadata) => tagsOf(one).includes(OVERFLOW);
  const covered = (node: FilterNode, one: Metadata) =>
    overflows(one) || covers(node).every(({ ranges }) => within(one, ranges).length > 0);

  it("decide, and are found once, where they say so", () => {
    fc.assert(
      fc.property(metadata, filter, (one, given) => {
        const node = parseFilter(given);
        for (const { ranges, decides, overlapping } of covers(node)) {
          const found = within(one, ranges).length;
          if (decides && found > 0) expect(matches(node, one)).toBe(true);
          if (!overlapping) expect(found).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it("cover every chunk that a filter finds", () => {
    fc.assert(
      fc.property(metadata, filter, (one, given) => {
        const node = parseFilter(given);
        expect(!matches(node, one) || covered(node, one)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it("cover what the chunk itself says, whatever it says", () => {
    fc.assert(
      fc.property(metadata, (one) => {
        for (const [name, value] of Object.entries(one)) {
          if (typeof value !== "object") expect(covered({ op: "eq", key: name, value }, one)).toBe(true);
          if (typeof value === "number") expect(covered({ op: "gte", key: name, value }, one)).toBe(true);
          if (value !== null) expect(covered({ op: "exists", key: name, value: true }, one)).toBe(true);
        }
      }),
    );
  });

  it("are few: a chunk with many entries has one for all", () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i]));
    expect(tagsOf(many)).toEqual([OVERFLOW]);
    expect(covered({ op: "eq", key: "k9", value: 9 }, many)).toBe(true);
    for (const tag of tagsOf({ ["k".repeat(5_000)]: "v".repeat(50_000), ä: "ü".repeat(60) }))
      expect(Buffer.byteLength(tag)).toBeLessThan(200);
  });
});
