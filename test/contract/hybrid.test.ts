import { describe, expect, it } from "vitest";
import { hybrid, openFleet, openStores } from "../../adapters/index.ts";
import { expectInvalid } from "./expectations.ts";
import { entry } from "./search-fixture.ts";
import { storesUnderTest } from "./under-test.ts";
import { chunk } from "./vector-fixture.ts";

const search = await storesUnderTest("search");
const vector = await storesUnderTest("vector");

describe.each(search)("hybrid on $name", ({ name, app, admin }) => {
  const other = vector.find((one) => one.name === name);
  const tenant = `hybrid-${process.pid}`;
  const variables = { ...other?.app, ...app };

  it("fuses the ranks of both, and says them", async () => {
    await using stores = openStores(variables);
    await using fleet = openFleet({ ...other?.admin, ...admin });
    const both = stores.tenant(tenant);
    await both.search.index([
      entry("words", "heron heron heron", { metadata: { n: 1 } }),
      entry("both", "a heron by the water", { metadata: { n: 2 } }),
      entry("only", "herons of the far north, and much else that makes a text long", { metadata: { n: 1 } }),
    ]);
    await both.vector.upsert([
      chunk("near", [1, 0, 0, 0], { metadata: { n: 1 } }),
      chunk("both", [9, 1, 0, 0], { metadata: { n: 2 } }),
      chunk("words", [0, 1, 0, 0], { metadata: { n: 1 } }),
    ]);
    const query = { text: "heron", vector: [1, 0, 0, 0], topK: 10 };
    const { hits } = await hybrid(both, query);
    expect(hits.map(({ id, ranks }) => [id, ranks.search, ranks.vector])).toEqual([
      ["words", 1, 3],
      ["both", 2, 2],
      ["near", null, 1],
      ["only", 3, null],
    ]);
    expect(hits[1]).toEqual({
      id: "both",
      score: expect.closeTo(2 / 62, 10),
      ranks: { search: 2, vector: 2 },
      document: "doc-both",
      text: "text of both",
      metadata: { n: 2 },
    });
    expect((await hybrid(both, { ...query, topK: 1 })).hits.map(({ id }) => id)).toEqual(["words"]);
    const filtered = await hybrid(both, { ...query, filter: { n: 1 } });
    expect(filtered.hits.map(({ id }) => id)).toEqual(["words", "near", "only"]);
    const weighted = await hybrid(both, { ...query, weights: { search: 0.1 } });
    expect(weighted.hits[0]?.id).toBe("both");
    const alone = await hybrid(both, { ...query, weights: { vector: 0 } });
    expect(alone.hits.map(({ id }) => id)).toEqual(["words", "both", "only"]);
    expect(await hybrid(both, { ...query, text: "heorn" })).toMatchObject({
      corrected: "heron",
      hits: [{ id: "words" }, {}, {}, {}],
    });
    for (const bad of [
      { topK: 0 },
      { weights: { search: -1 } },
      { weights: { vector: NaN } },
      { text: "" },
      { vector: [] },
    ])
      await expectInvalid(hybrid(both, { ...query, ...bad }), JSON.stringify(bad));
    await fleet.deleteTenant(tenant);
  });
});
