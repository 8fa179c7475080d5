import fc from "fast-check";
import { expect, it } from "vitest";
import { StoreError } from "../../adapters/errors.ts";
import type { SearchEntry, SearchQuery } from "../../adapters/search/contract.ts";
import { checkEntry } from "../../adapters/search/validate.ts";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";
import { entry, ids } from "./search-fixture.ts";
import { casesOn } from "./thorough.ts";

const good = () => entry("good", "text");
const nested = (levels: number): never => (levels === 0 ? 1 : [nested(levels - 1)]) as never;

const badEntries: [string, unknown][] = [
  ["no id", { ...good(), id: undefined }],
  ["empty id", { ...good(), id: "" }],
  ["id of 513", { ...good(), id: "x".repeat(513) }],
  ["NUL in id", { ...good(), id: "a\0b" }],
  ["a number as id", { ...good(), id: 7 }],
  ["no text", { id: "a" }],
  ["lone surrogate in text", { ...good(), text: "\ud800" }],
  ["NUL in text", { ...good(), text: "\0" }],
  ["text of 1,048,577", { ...good(), text: "x".repeat(1_048_577) }],
  ["title of 1,025", { ...good(), title: "x".repeat(1_025) }],
  ["NUL in title", { ...good(), title: "\0" }],
  ["empty document", { ...good(), document: "" }],
  ["unknown language", { ...good(), language: "klingon" }],
  ["language as SQL", { ...good(), language: "english'::regconfig" }],
  ["unknown name", { ...good(), tags: [] }],
  ["metadata list", { ...good(), metadata: [] }],
  ["metadata date", { ...good(), metadata: { at: new Date() } }],
  ["metadata NaN", { ...good(), metadata: { a: NaN } }],
  ["NUL in metadata", { ...good(), metadata: { a: [{ b: "\0" }] } }],
  ["metadata over 64 KiB", { ...good(), metadata: { a: "x".repeat(65_536) } }],
  ["metadata nested 100 deep", { ...good(), metadata: { a: nested(100) } }],
  ["null", null],
];

const badQueries: [string, unknown][] = [
  ["null", null],
  ["no text", {}],
  ["empty text", { text: "" }],
  ["text of 2,049", { text: "x".repeat(2_049) }],
  ["NUL", { text: "\0" }],
  ["lone surrogate", { text: "\udc00" }],
  ["limit 0", { text: "a", limit: 0 }],
  ["limit 1001", { text: "a", limit: 1_001 }],
  ["limit 1.5", { text: "a", limit: 1.5 }],
  ["offset -1", { text: "a", offset: -1 }],
  ["offset beyond what is ranked", { text: "a", limit: 10, offset: 4_991 }],
  ["offset 1e308", { text: "a", offset: 1e308 }],
  ["fuzzy true", { text: "a", fuzzy: true }],
  ["withText 1", { text: "a", withText: 1 }],
  ["highlight string", { text: "a", highlight: "b" }],
  ["highlight unknown", { text: "a", highlight: { tag: "b" } }],
  ["highlight of 2 words", { text: "a", highlight: { words: 2 } }],
  ["NUL in a mark", { text: "a", highlight: { open: "\0" } }],
  ["mark of 65", { text: "a", highlight: { close: "x".repeat(65) } }],
  ["unknown escape", { text: "a", highlight: { escape: "url" } }],
  ["unknown language", { text: "a", language: "pg_catalog.english" }],
  ["unknown name", { text: "a", topK: 3 }],
  ["filter null", { text: "a", filter: null }],
  ["filter string", { text: "a", filter: "a = 1" }],
  ["filter unknown condition", { text: "a", filter: { a: { like: "x" } } }],
];

/** What a product's query language, quoting or protocol could take for its own. */
const HOSTILE = [
  "'; drop table agents.search_documents; --",
  "' acme'",
  "a' & 'b",
  "$1 $2 \\ \\' \\x00 %s",
  '""" "" "',
  "-",
  "--",
  '-"',
  "or",
  "or or or",
  "- or -",
  "a <-> b & !c | (d:*A",
  "StartSel=<script>, StopSel=x",
  "\u0001\u0002 \u2028 \ufeff \u202e",
  "ａｂｃ ﬁne ǅ ß İ",
  "🚲 👩‍👩‍👧 e\u0301",
  "a".repeat(2_048),
  "or ".repeat(682),
  "-a ".repeat(682),
  '"a" '.repeat(512),
];

export function input(bench: () => Bench): void {
  it("refuses bad entries before anything is written", async () => {
    const { search } = bench().fresh();
    const before = Array.from({ length: 1_500 }, (_, i) => entry(`b${i}`, "text"));
    for (const [what, bad] of badEntries) await expectInvalid(search.index([...before, bad as SearchEntry]), what);
    expect(await search.count()).toBe(0);
  });

  it("refuses bad queries and ids", async () => {
    const { search } = bench().fresh();
    await search.index([good()]);
    for (const [what, bad] of badQueries) await expectInvalid(search.query(bad as SearchQuery), what);
    for (const id of ["", "x".repeat(513), "\0", 7 as never]) {
      await expectInvalid(search.delete(id), String(id));
      await expectInvalid(search.deleteByDocument(id), String(id));
    }
    await expectInvalid(search.count({ a: { like: 1 } } as never), "count");
    await expect(search.query({ text: "a", filter: { a: [1] } as never })).rejects.toMatchObject({ store: "search" });
  });

  it("takes everything at its limits", async () => {
    const { search } = bench().fresh();
    const different = Array.from({ length: 130_000 }, (_, i) => i.toString(36).padStart(7, "q")).join(" ");
    const given = entry("🚲".repeat(256), "first x".padEnd(1_048_576, "x"), {
      document: "\uffee".repeat(512),
      title: "t".repeat(1_024),
      metadata: { a: "x".repeat(65_520) },
    });
    const many = entry("many", `beginning ${different}`, { metadata: { ["k".repeat(600)]: 1 } });
    const repeated = entry("repeated", "word ".repeat(200_000));
    const chinese = entry("chinese", "字".repeat(1_048_576));
    await search.index([given, many, repeated, chinese, entry("empty", "")]);
    expect((await search.query({ text: "first" })).hits).toMatchObject([
      { id: given.id, document: given.document, title: given.title, text: given.text, metadata: given.metadata },
    ]);
    expect(ids(await search.query({ text: "beginning", highlight: true }))).toEqual(["many"]);
    expect(ids(await search.query({ text: '"word word"', highlight: true }))).toEqual(["repeated"]);
    expect(await search.count({ ["k".repeat(600)]: 1 })).toBe(1);
    expect(await search.deleteByDocument(given.document as string)).toEqual({ deleted: 1 });
  }, 120_000); // megabytes of words, on a machine that has other work

  it("takes any text as a query", async () => {
    const { search } = bench().fresh();
    await search.index([entry("hay", "plain words that are found")]);
    const spiced = fc.oneof(
      fc.constantFrom(...HOSTILE),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
      fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
      fc.array(fc.constantFrom("plain", "words", "-", '"', " ", "or", " or ", "the", "'", "\\", ":*", "(", "|"), {
        minLength: 1,
        maxLength: 12,
      }),
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(spiced, fc.boolean(), async (given, highlight) => {
        const text = Array.isArray(given) ? given.join("") : given;
        try {
          const { hits } = await search.query({ text, highlight });
          expect(hits.length).toBeLessThanOrEqual(1);
          accepted++;
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== "invalid") throw error;
        }
      }),
      { numRuns: casesOn(bench().under.name), examples: HOSTILE.map((text) => [text, true] as [string, boolean]) },
    );
    expect(accepted).toBeGreaterThan(0.5 * casesOn(bench().under.name));
    expect(ids(await search.query({ text: "words" }))).toEqual(["hay"]);
  });

  it("refuses or round-trips anything", async () => {
    const { search } = bench().fresh();
    const mostly = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: rare });
    const any = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
    );
    const text = mostly(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
      fc.oneof(any, fc.constantFrom(...HOSTILE)),
    );
    const json = fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) as fc.Arbitrary<never>;
    const weird = fc.record({
      id: text,
      document: fc.option(text, { nil: null }),
      title: fc.option(text, { nil: null }),
      text,
      metadata: mostly(fc.dictionary(text, json, { maxKeys: 4 }), fc.anything() as fc.Arbitrary<never>),
    });
    let [accepted, refused, round] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(weird, { minLength: 4, maxLength: 8 }), async (given) => {
        const mark = `findable${++round}x`; // of any text some word is known
        const wanted = new Map<string, SearchEntry>();
        for (const one of given) {
          const entry = { ...one, text: `${one.text} ${mark}` } as SearchEntry;
          if (isGood(entry)) wanted.set(entry.id, entry);
          else await expectInvalid(search.index([entry]), JSON.stringify(entry.id));
        }
        await search.index([...wanted.values()]);
        const { hits } = await search.query({ text: mark, limit: 1_000 });
        const stored = new Map(hits.map(({ score: _, highlight: __, ...hit }) => [hit.id, hit]));
        expect([...stored.keys()].sort()).toEqual([...wanted.keys()].sort());
        for (const [id, one] of wanted) expect(stored.get(id)).toEqual({ ...one, metadata: plain(one.metadata ?? {}) });
        accepted += wanted.size;
        refused += given.length - wanted.size;
      }),
      { numRuns: 250 },
    );
    expect(accepted + refused).toBeGreaterThan(1_000);
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(10);
  });
}

function isGood(entry: SearchEntry): boolean {
  try {
    checkEntry(entry);
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === "invalid") return false;
    throw error;
  }
}

/** As it comes back: -0 is 0. */
const plain = (one: unknown) => JSON.parse(JSON.stringify(one));
