import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { refused } from "./expectations.ts";
import { entry, ids } from "./search-fixture.ts";

const POLICY = entry("policy", "Refunds take five days. The money goes back to the card that paid.", {
  document: "handbook",
  title: "Refund policy",
  metadata: { kind: "policy", year: 2024, tags: ["a"], nested: { n: null } },
});
const OFFICE = entry("office", "The office closes at six, and nobody is refunded there.", { document: "handbook" });
const SHIPPING = entry("shipping", "Shipping costs money; the card is charged when a parcel leaves.", {
  metadata: { kind: "note" },
});

export function basics(bench: () => Bench): void {
  const filled = async () => {
    const { search } = bench().fresh();
    expect(await search.index([POLICY, OFFICE, SHIPPING])).toEqual({ written: 3 });
    return { search };
  };

  it("returns what was given", async () => {
    const { search } = await filled();
    const { hits, ...answer } = await search.query({ text: "policy" });
    expect(answer).toEqual({ bounded: false });
    const { language: _, ...given } = { language: "english", ...POLICY };
    expect(hits).toEqual([{ ...given, score: expect.any(Number), highlight: null }]);
    expect((await search.query({ text: "office", withText: false })).hits).toEqual([
      { id: "office", document: "handbook", title: null, score: expect.any(Number), highlight: null, metadata: {} },
    ]);
  });

  it.each([
    ["refund", ["policy", "office"]],
    ["REFUNDING", ["policy", "office"]],
    ["refunded cards", ["policy"]],
    ["money card", ["policy", "shipping"]],
    ["money office", []],
    ['"the card"', ["policy", "shipping"]],
    ['"goes back to the card"', ["policy"]],
    ['"card the back"', []],
    ["card -refund", ["shipping"]],
    ['card -"goes back"', ["shipping"]],
    ["parcel or office", ["office", "shipping"]],
    ["parcel OR refund -office", ["policy", "shipping"]],
    ["-refund", ["shipping"]],
    ["the", []],
    ["the office", ["office"]],
    ["!!! … ???", []],
    ["five & days | (nonsense <-> :* '", []],
    ["(five) <days> & 'money'!", ["policy"]],
    ["money/card", ["policy", "shipping"]],
  ])("%s", async (text, expected) => {
    const { search } = await filled();
    expect(ids(await search.query({ text, fuzzy: "never" })).sort()).toEqual([...expected].sort());
  });

  it("finds words whatever they stand between", async () => {
    const { search } = bench().fresh();
    const text =
      "if (a<birch && c>d) <script>input/output.txt</script> mail:amber@cedar.org path\\dunes key=ember fjord_glade";
    await search.index([entry("code", text)]);
    for (const word of ["birch", "input", "output", "txt", "amber", "cedar", "dunes", "ember", "fjord", "script"])
      expect(ids(await search.query({ text: word, fuzzy: "never" })), word).toEqual(["code"]);
    for (const words of ["input/output.txt", "amber@cedar.org", '"input output"', "<birch>", "fjord_glade"])
      expect(ids(await search.query({ text: words, fuzzy: "never" })), words).toEqual(["code"]);
    const [hit] = (await search.query({ text: "output", highlight: { open: "[", close: "]", escape: "none" } })).hits;
    expect(hit?.highlight).toContain("<script>input/[output].txt</script> mail:amber@cedar.org path\\dunes");
  });

  it("puts first what has the words in its title, more often, or in a shorter text", async () => {
    const { search } = bench().fresh();
    const long = "Many other things are said in a text of this length, each of them once and none again. ".repeat(3);
    await search.index([
      entry("long", `${long} Heron.`),
      entry("once", "A heron stood there."),
      entry("often", "Heron upon heron, and one more heron."),
      entry("title", "It stood there.", { title: "The heron" }),
    ]);
    const { hits } = await search.query({ text: "herons" });
    expect(hits.map(({ id }) => id)).toEqual(["title", "often", "once", "long"]);
    for (const { score } of hits) expect(score).toSatisfy((one: number) => one > 0 && one < 1);
    expect(ids(await search.query({ text: "herons", limit: 2 }))).toEqual(["title", "often"]);
    expect(ids(await search.query({ text: "herons", limit: 2, offset: 1 }))).toEqual(["often", "once"]);
    expect(ids(await search.query({ text: "herons", offset: 4 }))).toEqual([]);
  });

  it("orders equal scores by code point", async () => {
    const { search } = bench().fresh();
    await search.index(["a", "B", "é", "\uffee", "🚲", "a0", "A"].map((id) => entry(id, "equal words")));
    expect(ids(await search.query({ text: "equal" }))).toEqual(["A", "B", "a", "a0", "é", "\uffee", "🚲"]);
  });

  it("keeps to the filter, in queries and counts", async () => {
    const { search } = await filled();
    expect(ids(await search.query({ text: "money", filter: { kind: "policy" } }))).toEqual(["policy"]);
    expect(ids(await search.query({ text: "money", filter: { year: { lt: 2024 } } }))).toEqual([]);
    expect(ids(await search.query({ text: "money", filter: { not: [{ kind: "policy" }] } }))).toEqual(["shipping"]);
    const counts = [search.count(), search.count({ kind: { exists: true } }), search.count({ kind: "note" })];
    expect(await Promise.all(counts)).toEqual([3, 2, 1]);
  });

  it("replaces by id: the last wins, within a call and between calls", async () => {
    const { search } = bench().fresh();
    const versions = ["first", "second", "third"].map((text, n) => entry("x", text, { title: text, metadata: { n } }));
    expect(await search.index(versions.slice(0, 2))).toEqual({ written: 1 });
    expect(ids(await search.query({ text: "first", fuzzy: "never" }))).toEqual([]);
    await search.index(versions.slice(2));
    await search.index(versions.slice(2));
    expect(ids(await search.query({ text: "second", fuzzy: "never" }))).toEqual([]);
    expect((await search.query({ text: "third", filter: { n: 2 } })).hits).toMatchObject([{ text: "third" }]);
    await search.index([entry("x", "third")]); // no title and no metadata any more
    expect((await search.query({ text: "third" })).hits).toMatchObject([{ title: null, document: null, metadata: {} }]);
    expect(await search.count()).toBe(1);
  });

  it("takes streams in batches, and an empty one", async () => {
    const { search } = bench().fresh();
    async function* stream() {
      for (let i = 0; i < 2_500; i++) yield entry(`e${i % 2_300}`, `number${i} of many`, { metadata: { i } });
    }
    expect(await search.index(stream())).toEqual({ written: 2_500 });
    expect(await search.count()).toBe(2_300);
    expect(await search.index([])).toEqual({ written: 0 });
    expect(ids(await search.query({ text: "number2400", fuzzy: "never" }))).toEqual(["e100"]);
    expect(ids(await search.query({ text: "number100", fuzzy: "never" }))).toEqual([]);
    expect((await search.query({ text: "many", limit: 1_000, withText: false })).hits).toHaveLength(1_000);
  });

  it("deletes by id and by document, and only that", async () => {
    const { search } = await filled();
    expect(await search.delete("shipping")).toEqual({ deleted: 1 });
    expect(await search.delete("shipping")).toEqual({ deleted: 0 });
    expect(ids(await search.query({ text: "parcel", fuzzy: "never" }))).toEqual([]);
    await search.index([{ ...OFFICE, document: "elsewhere" }]);
    expect(await search.deleteByDocument("handbook")).toEqual({ deleted: 1 });
    expect(await search.deleteByDocument("handbook")).toEqual({ deleted: 0 });
    expect(ids(await search.query({ text: "refund" }))).toEqual(["office"]);
    await search.index([SHIPPING]);
    expect(ids(await search.query({ text: "parcel" }))).toEqual(["shipping"]);
    expect(await search.count()).toBe(2);
  });

  it("says the reason for each capability that is false, and refuses what it lacks", async () => {
    const { search } = bench().fresh();
    for (const [name, can] of Object.entries(search.can))
      expect(Boolean(search.why[name as keyof typeof search.can]), name).toBe(!can);
    const german = entry("de", "Die Rückerstattungen dauern fünf Tage.", { language: "german" });
    if (!search.can.languages) {
      await expect(search.index([german])).rejects.toMatchObject(refused("unsupported"));
      await expect(search.query({ text: "Tag", language: "german" })).rejects.toMatchObject(refused("unsupported"));
      return;
    }
    await search.index([german, entry("en", "Refunds take five days.")]);
    expect(ids(await search.query({ text: "Rückerstattung Tag", language: "german" }))).toEqual(["de"]);
    expect(ids(await search.query({ text: "die", language: "german" }))).toEqual([]);
    expect(ids(await search.query({ text: "die", language: "simple", fuzzy: "never" }))).toEqual([]);
  });

  it("leaves words as they are in the language `simple`", async () => {
    const { search } = bench().fresh();
    await search.index([entry("s", "The refunds", { language: "simple" })]);
    const found = async (text: string) => ids(await search.query({ text, language: "simple", fuzzy: "never" }));
    expect([await found("refunds"), await found("THE"), await found("refund")]).toEqual([["s"], ["s"], []]);
  });
}
