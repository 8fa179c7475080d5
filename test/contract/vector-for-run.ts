import { expect, it } from "vitest";
import type { Chunk, VectorStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";
import { chunk, space } from "./vector-fixture.ts";

const at = [1, 0, 0, 0];
const ids = async (vector: VectorStore) => (await vector.query({ vector: at, topK: 9 })).map(({ id }) => id).sort();
const wide = { ...space, model: "five", dimensions: 5 };

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.vector.tenants()).find(({ tenant }) => tenant === large.tenant)?.chunks ?? 0;
    await large.vector.upsert([chunk("a", [0, 1, 0, 0], { text: "large", metadata: { n: 1 } })]);
    await one.vector.upsert([
      chunk("a", at, { text: "one", uri: "https://one", metadata: { n: 1, tags: ["x"] } }),
      chunk("b", [0.5, 0.5, 0, 0]),
    ]);
    await other.vector.upsert([chunk("a", at, { text: "other" })]);

    expect(await large.vector.query({ vector: at, topK: 1 })).toMatchObject([{ id: "a", text: "large", score: 0 }]);
    expect(await large.vector.query({ vector: at, topK: 9, filter: { n: 1 } })).toHaveLength(1);
    const [best] = await one.vector.query({ vector: at, topK: 1, filter: { n: 1 } });
    expect(best).toMatchObject({ id: "a", document: "doc-a", text: "one", uri: "https://one" });
    expect(best?.metadata).toEqual({ n: 1, tags: ["x"] });
    expect([await ids(large.vector), await ids(one.vector), await ids(other.vector)]).toEqual([
      ["a"],
      ["a", "b"],
      ["a"],
    ]);
    expect([await large.vector.count(), await one.vector.count(), await one.vector.count({ n: 1 })]).toEqual([1, 2, 1]);
    expect(await large.vector.count({ not: [{ n: 2 }] })).toBe(1);
    expect((await one.vector.explain({ vector: at, topK: 1 })).access).toBe("exact");

    expect(await one.vector.deleteByDocument("doc-b")).toEqual({ deleted: 1 });
    expect(await large.deleteDocument("doc-none")).toEqual({ vector: { deleted: 0 } });
    expect(await held()).toBe(3);
    expect(await one.cleanUp()).toEqual({ vector: { chunks: 1 } });
    expect(await one.cleanUp()).toEqual({ vector: { chunks: 0 } });
    expect(await held()).toBe(2);
    expect([await ids(one.vector), await ids(other.vector)]).toEqual([[], ["a"]]);
    expect(await large.deleteDocument("doc-a")).toEqual({ vector: { deleted: 1 } });
    expect([await ids(large.vector), await ids(other.vector)]).toEqual([[], ["a"]]);
    await other.cleanUp();
    expect(await held()).toBe(0);
  });

  it("knows the spaces of each", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    await one.vector.upsert([chunk("a", [1, 0, 0, 0, 0], { space: wide })]);
    expect([await large.vector.spaces(), await one.vector.spaces()]).toEqual([[], [wide]]);
    expect(await large.vector.query({ vector: at, topK: 1 })).toEqual([]);
    await large.vector.upsert([chunk("a", at)]);
    expect([await large.vector.spaces(), await one.vector.spaces()]).toEqual([[space], [wide]]);
    expect(await ids(large.vector)).toEqual(["a"]);
    const hits = await one.vector.query({ vector: [1, 0, 0, 0, 0], topK: 1 });
    expect(hits.map((hit) => hit.space)).toEqual([wide]);
    await expectInvalid(one.vector.query({ vector: at, topK: 1 }), "of another length");
    await one.vector.upsert([chunk("b", at)]);
    await expectInvalid(one.vector.query({ vector: at, topK: 1 }), "in one of two spaces");
    expect(await one.cleanUp()).toEqual({ vector: { chunks: 2 } });
    expect(await large.vector.spaces()).toEqual([space]);
  });

  it("cleans up many documents", async () => {
    const large = bench().fresh();
    const one = large.forRun("many");
    await large.vector.upsert([chunk("kept", at)]);
    async function* many() {
      for (let i = 0; i < 1_000; i++) yield chunk(`${i}`, at, { document: `d${i % 450}` });
    }
    expect(await one.vector.upsert(many())).toEqual({ written: 1_000 });
    expect(await one.cleanUp()).toEqual({ vector: { chunks: 1_000 } });
    expect([await one.vector.count(), await large.vector.count()]).toEqual([0, 1]);
  });

  it("refuses ids and metadata of runs outside of them, and what is no id inside", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    await expectInvalid(large.vector.upsert([chunk("b", at), chunk("run/1/a", at)]), "a chunk");
    await expectInvalid(large.vector.upsert([chunk("a", at, { document: "run/1/a" })]), "a document");
    await expectInvalid(large.vector.deleteByDocument("run/1/a"), "a document to delete");
    await expectInvalid(large.deleteDocument("run/1/a"), "a document to delete everywhere");
    for (const { vector } of [large, one]) {
      const forged = chunk("a", at, { metadata: { "agent-stores/run": "1" } });
      await expectInvalid(vector.upsert([forged]), "the key of runs");
      await expectInvalid(vector.upsert(new Set([forged])), "the key of runs, in a stream");
    }
    for (const wrong of ["", undefined, 1, "x".repeat(512)] as string[]) {
      await expectInvalid(one.vector.upsert([chunk(wrong, at)]), String(wrong));
      await expectInvalid(one.vector.deleteByDocument(wrong), String(wrong));
    }
    await expectInvalid(one.vector.upsert([null as unknown as Chunk]), "no chunk");
    await expectInvalid(one.vector.upsert([chunk("a", at, { metadata: [] as never })]), "no metadata");
    await expectInvalid(one.vector.query({ vector: at, topK: 0 }), "no topK");
    await expectInvalid(one.vector.count([] as never), "no filter");
    expect(await large.vector.count()).toBe(0);
  });
}
