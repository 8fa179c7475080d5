import { describe, expect, it } from "vitest";
import { openBench } from "./bench.ts";
import { allOf } from "./expectations.ts";
import { searchContract } from "./search.ts";
import { entry } from "./search-fixture.ts";
import { storesUnderTest } from "./under-test.ts";

const all = await storesUnderTest("search");
for (const under of all) searchContract(under);

describe("a snapshot of search", () => {
  it.each(all.flatMap((from) => all.map((to) => [from.name, to.name, from, to] as const)))(
    "of %s is the same after %s",
    async (_from, _to, from, to) => {
      const [one, other] = [openBench(from), openBench(to)];
      try {
        const { tenant, search } = one.fresh();
        const metadata = { n: 1e21, z: -0.5, a: ["é", null, { b: true }], "🚲": 5e-324 };
        await search.index(
          ["b", "a", "\uffee", "🚲"].map((id) => entry(id, `Texts of ${id}`, { title: id, metadata })),
        );
        const records = await allOf(one.fleet.search.export({ tenant }));
        expect(await other.fleet.search.import(one.fleet.search.export({ tenant }))).toEqual({ entry: 4 });
        expect(await allOf(other.fleet.search.export({ tenant }))).toEqual(records);
        const { hits } = await other.stores.tenant(tenant).search.query({ text: "text" });
        expect(hits).toHaveLength(4);
        await other.fleet.deleteTenant(tenant);
      } finally {
        await one.close();
        await other.close();
      }
    },
  );
});
