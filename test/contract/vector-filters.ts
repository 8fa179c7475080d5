import fc from "fast-check";
import { expect, it } from "vitest";
import type { Json, Metadata } from "../../adapters/input.ts";
import { type Filter, matches, parseFilter } from "../../adapters/vector/filter.ts";
import type { Bench } from "./bench.ts";
import { tagged } from "./vector-fixture.ts";

const rows: Metadata[] = [
  {},
  { n: 1 },
  { n: "1" },
  { n: 1.5, b: true },
  { n: -2, b: false, s: "x" },
  { n: null },
  { n: [1] },
  { n: { n: 1 } },
  { s: "", and: "plain", or: 1, not: true },
  { "a.b": 1, 'q"uo\\te': "it's", ключ: "значение", __proto__x: 1 },
  { n: 1e21, s: "1" },
  { n: 5e-324 },
];

const cases: [Filter, number[]][] = [
  [{}, rows.map((_, i) => i)],
  [{ n: 1 }, [1]],
  [{ n: "1" }, [2]],
  [{ n: { eq: 1.5 } }, [3]],
  [{ b: true }, [3]],
  [{ b: { eq: false } }, [4]],
  [{ n: { in: [1, "1", -2] } }, [1, 2, 4]],
  [{ n: { in: [] } }, []],
  [{ n: { gt: 1 } }, [3, 10]],
  [{ n: { gte: 1 } }, [1, 3, 10]],
  [{ n: { lt: 1 } }, [4, 11]],
  [{ n: { lte: 1, gt: -2 } }, [1, 11]],
  [{ n: { gt: 0, lt: 1 } }, [11]],
  [{ n: { exists: true } }, [1, 2, 3, 4, 6, 7, 10, 11]],
  [{ n: { exists: false } }, [0, 5, 8, 9]],
  [{ s: "" }, [8]],
  [{ not: [{ n: 1 }] }, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [{ not: [{ n: 1 }, { n: { exists: false } }] }, [2, 3, 4, 6, 7, 10, 11]],
  [{ not: [] }, rows.map((_, i) => i)],
  [{ and: [] }, rows.map((_, i) => i)],
  [{ or: [] }, []],
  [{ or: [{ n: 1 }, { and: [{ b: false }, { s: "x" }] }] }, [1, 4]],
  [{ b: true, n: { gte: 1 } }, [3]],
  [{ and: "plain" }, [8]],
  [{ or: { gte: 1 }, not: true }, [8]],
  [{ "a.b": 1 }, [9]],
  [{ 'q"uo\\te': "it's", ключ: "значение" }, [9]],
  [{ __proto__x: 1 }, [9]],
  [{ constructor: { exists: true } }, []],
];

const key = fc.constantFrom("a", "b", "c", "and", "é", "a'b", "\u0001");
const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
const scalar = fc.oneof(number, fc.boolean(), fc.constantFrom("", "a", "1", "true", "ä", "x".repeat(200)));
const entry = fc.oneof({ weight: 6, arbitrary: scalar }, fc.constantFrom<Json>(null, [], [1], {}, { a: 1 }));
const metadata: fc.Arbitrary<Metadata> = fc.dictionary(key, entry, { maxKeys: 6, noNullPrototype: true });
const condition = fc.oneof(
  fc.record({ eq: scalar }),
  fc.record({ in: fc.array(scalar, { maxLength: 4 }) }),
  fc.record({ gte: number, lt: number }, { requiredKeys: [] }).filter((c) => Object.keys(c).length > 0),
  fc.record({ gt: number }),
  fc.record({ lte: number }),
  fc.record({ exists: fc.boolean() }),
);
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.dictionary(key, fc.oneof(scalar, condition), { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
    fc
      .tuple(fc.constantFrom("and", "or", "not"), fc.array(tie("filter"), { maxLength: 3 }))
      .map(([op, of]) => ({ [op]: of })),
  ) as fc.Arbitrary<Filter>,
}));

export function filters(bench: () => Bench): void {
  it.each(cases)("%j", async (given, expected) => {
    const { vector } = await loaded(bench(), "cases", rows);
    const hits = await vector.query({ vector: [1, 0, 0, 0], topK: 100, filter: given });
    expect(hits.map((h) => Number(h.id)).sort((a, b) => a - b)).toEqual(expected);
    expect(await vector.count(given)).toBe(expected.length);
  });

  it("means the same for any metadata and any filter", async () => {
    const many = fc.sample(metadata, { numRuns: 150, seed: 7 });
    const { vector } = await loaded(bench(), "random", many);
    await fc.assert(
      fc.asyncProperty(filter, async (given) => {
        const node = parseFilter(given);
        const expected = many.flatMap((one, i) => (matches(node, plain(one)) ? [i] : []));
        const hits = await vector.query({ vector: [1, 0, 0, 0], topK: 1_000, filter: given });
        expect(hits.map((h) => Number(h.id)).sort((a, b) => a - b)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
}

/** As it comes back: -0 is 0. */
const plain = (one: Metadata) => JSON.parse(JSON.stringify(one)) as Metadata;

const tenantsOf = new WeakMap<Bench, Map<string, Promise<ReturnType<Bench["fresh"]>>>>();

/** One tenant for all cases over the same rows. */
function loaded(bench: Bench, name: string, given: readonly Metadata[]) {
  const mine = tenantsOf.get(bench) ?? new Map();
  tenantsOf.set(bench, mine);
  if (!mine.has(name)) {
    const fresh = bench.fresh();
    mine.set(
      name,
      fresh.vector.upsert(given.map((one, i) => tagged(String(i), one))).then(() => fresh),
    );
  }
  return mine.get(name) as Promise<ReturnType<Bench["fresh"]>>;
}
