import { expect, it } from "vitest";
import type { SearchEntry } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";
import { entry, ids } from "./search-fixture.ts";

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.search.tenants()).find(({ tenant }) => tenant === large.tenant)?.entries ?? 0;
    await large.search.index([entry("a", "common large", { document: "d", metadata: { n: 1 } })]);
    await one.search.index([
      entry("a", "common one", { document: "d", metadata: { n: 1 }, title: "T" }),
      entry("b", "common"),
    ]);
    await other.search.index(new Set([entry("a", "common other", { document: "d" })]));

    for (const [{ search }, all] of [
      [large, ["a"]],
      [one, ["a", "b"]],
      [other, ["a"]],
    ] as const) {
      for (const text of ["common", "common or none", "-none", "comon"])
        expect(ids(await search.query({ text })).sort(), text).toEqual(all);
      expect(await search.count()).toBe(all.length);
    }
    const { hits } = await one.search.query({ text: "one", highlight: true });
    expect(hits).toMatchObject([{ id: "a", document: "d", title: "T", text: "common one", metadata: { n: 1 } }]);
    expect(hits[0]?.highlight).toBe("common <mark>one</mark>");
    for (const text of ["one", "other", "run"]) expect(ids(await large.search.query({ text }))).toEqual([]);
    expect([await large.search.count({ n: 1 }), await one.search.count({ not: [{ n: 1 }] })]).toEqual([1, 1]);
    expect(ids(await one.search.query({ text: "common", filter: { n: 1 } }))).toEqual(["a"]);

    expect(await large.search.delete("b")).toEqual({ deleted: 0 });
    expect(await other.search.deleteByDocument("d")).toEqual({ deleted: 1 });
    await other.search.index([entry("a", "common other")]);
    expect(await held()).toBe(4);
    expect(await one.cleanUp()).toEqual({ search: { entries: 2 } });
    expect(await one.cleanUp()).toEqual({ search: { entries: 0 } });
    expect([await held(), await one.search.count(), ids(await one.search.query({ text: "common" }))]).toEqual([
      2,
      0,
      [],
    ]);
    expect([await large.search.count(), await other.search.count()]).toEqual([1, 1]);
    expect(await large.search.deleteByDocument("d")).toEqual({ deleted: 1 });
    expect(await other.search.delete("a")).toEqual({ deleted: 1 });
    expect(await held()).toBe(0);
  });

  it("mends typos by the words of each, also after a restore", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("2")];
    await large.search.index([entry("a", "telephone")]);
    await one.search.index([entry("a", "elephants")]);
    const { search: fleet } = bench().fleet;
    for (let restored = 0; restored < 2; restored++) {
      expect(await one.search.query({ text: "elephantts" })).toMatchObject({
        corrected: "elephants",
        hits: [{ id: "a" }],
      });
      expect(await large.search.query({ text: "telephon" })).toMatchObject({ hits: [{ id: "a" }] });
      for (const { search } of [large, other])
        expect(await search.query({ text: "elephantts" })).toEqual({ hits: [], bounded: false });
      expect(await one.search.query({ text: "telephonee" })).toEqual({ hits: [], bounded: false });
      const records = await allOf(fleet.export({ tenant: large.tenant }));
      await fleet.import(
        (async function* () {
          yield* records;
        })(),
      );
    }
  });

  it("refuses ids of runs outside of them, and what is no id inside", async () => {
    const large = bench().fresh();
    const id = "run/1/a";
    await expectInvalid(large.search.index([entry("b", "text"), entry(id, "text")]), "an entry");
    await expectInvalid(large.search.index([entry("b", "text", { document: id })]), "a document");
    await expectInvalid(large.search.delete(id), "delete");
    await expectInvalid(large.search.deleteByDocument(id), "deleteByDocument");
    await expectInvalid(large.deleteDocument(id), "deleteDocument");
    const one = large.forRun("1");
    for (const { search } of [large, one])
      for (const wrong of [null, undefined, "text", [], {}] as unknown as SearchEntry[])
        await expectInvalid(search.index([wrong]), String(wrong));
    for (const wrong of ["", undefined, 1, "x".repeat(507)] as string[]) {
      await expectInvalid(one.search.index([entry(wrong, "text")]), String(wrong));
      await expectInvalid(one.search.delete(wrong), String(wrong));
    }
    expect(await large.search.count()).toBe(0);
  });
}
