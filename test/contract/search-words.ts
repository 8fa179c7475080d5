import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { entry, ids } from "./search-fixture.ts";

/** Typos and highlights. */
export function words(bench: () => Bench): void {
  const filled = async () => {
    const { search } = bench().fresh();
    await search.index([
      entry("1", "A refund of the subscription is paid within a week.", { title: "Cancellation" }),
      entry("2", "The kitchen is on the second floor."),
    ]);
    return search;
  };

  it.each([
    ["refnud", "refund", ["1"]],
    ["subscirptoin", "subscription", ["1"]],
    ["Refunt paid", "refund paid", ["1"]],
    ["subscripton", "subscription", ["1"]],
    ["canellation", "cancellation", ["1"]],
    ["kithcen or flor", "kitchen or floor", ["2"]],
    ['"secnod floor"', '"second floor"', ["2"]],
    ["refund or kitchne", "refund or kitchen", ["1", "2"]],
    ["refnud -kitchne", "refund -kitchne", ["1"]],
  ])("mends %s", async (text, corrected, expected) => {
    const search = await filled();
    const answer = await search.query({ text });
    expect([answer.corrected, ids(answer).sort()]).toEqual([corrected, expected]);
    expect((await search.query({ text, fuzzy: "never" })).corrected).toBeUndefined();
  });

  it.each(["refund", "refunding", "xyzzy", "floor kitchen", "floor refund", "-refnud kitchen", "the", "fl"])(
    "leaves %s as it is",
    async (text) => {
      const search = await filled();
      expect((await search.query({ text })).corrected).toBeUndefined();
    },
  );

  it("does not mend to a word that no entry has any more", async () => {
    const search = await filled();
    await search.index([entry("3", "The lantern is lit."), entry("4", "The lanterns were bright, and a lanternX.")]);
    expect((await search.query({ text: "lantren" })).corrected).toBe("lantern");
    await search.delete("3");
    await search.delete("4");
    expect(await search.query({ text: "lantren" })).toEqual({ hits: [], bounded: false });
    await search.index([entry("5", "The lantorn is an old word.")]);
    expect(await search.query({ text: "lantern" })).toMatchObject({ corrected: "lantorn", hits: [{ id: "5" }] });
  });

  it("mends within the tenant's own words, and for filtered queries too", async () => {
    const search = await filled();
    await bench()
      .fresh()
      .search.index([entry("1", "Zanzibar")]);
    expect(await search.query({ text: "zanzibra" })).toEqual({ hits: [], bounded: false });
    await search.index([entry("6", "Zanzibar", { metadata: { far: true } })]);
    expect(ids(await search.query({ text: "zanzibra", filter: { far: true } }))).toEqual(["6"]);
    expect(await search.query({ text: "zanzibra", filter: { far: false } })).toEqual({ hits: [], bounded: false });
  });

  it("marks what was found, in an excerpt that is safe in a page", async () => {
    const { search } = bench().fresh();
    const text = `A & B "said": 5 > 3. The refund's refunds </mark> 'go' back.`;
    await search.index([entry("1", text), entry("2", `${"word ".repeat(500)} needle ${"word ".repeat(500)}`)]);
    const shown = async (highlight: Parameters<typeof search.query>[0]["highlight"], asked = "refund") =>
      (await search.query({ text: asked, highlight })).hits[0]?.highlight ?? "";
    const html = await shown(true);
    expect(html).toContain("<mark>refunds</mark>");
    expect(html.replaceAll(/<\/?mark>/g, "")).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
    expect(html).toContain("A &amp; B &quot;said&quot;: 5 &gt; 3.");
    expect(await shown({ open: "[", close: "]", escape: "none" })).toContain(`A & B "said": 5 > 3.`);
    expect(await shown({ open: "*", close: "*" })).toContain("*refunds*");
    const short = await shown({ words: 10, open: "«", close: "»" }, "needle");
    expect(short).toContain("«needle»");
    expect(short.split(/\s+/).length).toBeLessThanOrEqual(12);
    expect(await shown(false)).toBe("");
    expect(await shown({ open: "$&\\1", close: "'\";--" })).toContain("$&\\1refunds'\";--");
  });
}
