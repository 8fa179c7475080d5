import { expect, it } from "vitest";
import { sha256 } from "../../adapters/canonical.ts";
import type { Bench } from "./bench.ts";
import { chunk, space } from "./vector-fixture.ts";

export function basics(bench: () => Bench): void {
  it("returns what was given, with score and hash", async () => {
    const { vector } = bench().fresh();
    const metadata = { kind: "policy", year: 2024, draft: false, tags: ["a", "b"], nested: { n: null } };
    const given = chunk("one", [3, 4, 0, 0], {
      document: "doc",
      uri: "file:doc",
      text: "Grüße 🚲",
      position: 7,
      metadata,
    });
    expect(await vector.upsert([given])).toEqual({ written: 1 });
    const [hit, ...others] = await vector.query({ vector: [4, 3, 0, 0], topK: 5 });
    expect(others).toEqual([]);
    expect(hit).toEqual({
      id: "one",
      score: expect.closeTo(0.96, 5),
      document: "doc",
      uri: "file:doc",
      text: "Grüße 🚲",
      position: 7,
      contentHash: sha256("Grüße 🚲"),
      metadata,
      space,
    });
  });

  it("scores from 1 to -1 whatever the lengths, best first, and keeps to minScore and topK", async () => {
    const { vector } = bench().fresh();
    await vector.upsert([
      chunk("same", [9, 0, 0, 0]),
      chunk("half", [1, Math.sqrt(3), 0, 0]),
      chunk("across", [0, 5, 0, 0]),
      chunk("against", [-0.1, 0, 0, 0]),
    ]);
    const all = await vector.query({ vector: [2, 0, 0, 0], topK: 10 });
    expect(all.map((h) => h.id)).toEqual(["same", "half", "across", "against"]);
    expect(all.map((h) => h.score)).toEqual([1, 0.5, 0, -1].map((score) => expect.closeTo(score, 5)));
    expect((await vector.query({ vector: [2, 0, 0, 0], topK: 2 })).map((h) => h.id)).toEqual(["same", "half"]);
    expect((await vector.query({ vector: [2, 0, 0, 0], topK: 10, minScore: 0.4 })).map((h) => h.id)).toEqual([
      "same",
      "half",
    ]);
  });

  it("orders equal scores by code point, and gives a zero vector score 0", async () => {
    const { vector } = bench().fresh();
    const ids = ["a", "B", "é", "\uffee", "🚲", "a0", "A"];
    await vector.upsert(ids.map((id) => chunk(id, [1, 1, 0, 0])));
    const ordered = ["A", "B", "a", "a0", "é", "\uffee", "🚲"];
    expect((await vector.query({ vector: [1, 1, 0, 0], topK: 10 })).map((h) => h.id)).toEqual(ordered);
    expect((await vector.query({ vector: [1, 1, 0, 0], topK: 3 })).map((h) => h.id)).toEqual(ordered.slice(0, 3));
    await vector.upsert([chunk("zero", [0, 0, 0, 0]), chunk("minus", [-1, -1, 0, 0])]);
    const hits = await vector.query({ vector: [1, 1, 0, 0], topK: 10 });
    expect(hits.slice(-2).map((h) => [h.id, Math.round(h.score)])).toEqual([
      ["zero", 0],
      ["minus", -1],
    ]);
    const none = await vector.query({ vector: [0, 0, 0, 0], topK: 3 });
    expect(none.map((h) => [h.id, h.score])).toEqual(ordered.slice(0, 3).map((id) => [id, 0]));
  });

  it("replaces by id: the last wins, within a call and between calls", async () => {
    const { vector } = bench().fresh();
    const versions = ["first", "second", "third"].map((text, i) => chunk("x", [1, i, 0, 0], { text, metadata: { i } }));
    expect(await vector.upsert(versions.slice(0, 2))).toEqual({ written: 1 });
    expect((await vector.query({ vector: [1, 0, 0, 0], topK: 9 })).map((h) => [h.text, h.metadata])).toEqual([
      ["second", { i: 1 }],
    ]);
    await vector.upsert(versions.slice(2));
    await vector.upsert(versions.slice(2));
    expect((await vector.query({ vector: [1, 2, 0, 0], topK: 9, filter: { i: 2 } })).map((h) => h.text)).toEqual([
      "third",
    ]);
    expect(await vector.query({ vector: [1, 2, 0, 0], topK: 9, filter: { i: 1 } })).toEqual([]);
    expect(await vector.count()).toBe(1);
    expect(await vector.count({ i: 1 })).toBe(0);
  });

  it("keeps one uri per document: the last given, and none leaves it", async () => {
    const { vector } = bench().fresh();
    const of = (id: string, uri?: string) => chunk(id, [1, 0, 0, 0], { document: "d", uri });
    await vector.upsert([of("z", "file:1"), of("a", "file:2")]);
    await vector.upsert([of("b")]);
    const uris = async () => (await vector.query({ vector: [1, 0, 0, 0], topK: 9 })).map((h) => h.uri);
    expect(await uris()).toEqual(["file:2", "file:2", "file:2"]);
    await vector.upsert([of("b", "file:3")]);
    expect(await uris()).toEqual(["file:3", "file:3", "file:3"]);
  });

  it("deletes by document, and only that", async () => {
    const { vector } = bench().fresh();
    const of = (id: string, document: string) => chunk(id, [1, 0, 0, 0], { document, metadata: { d: document } });
    await vector.upsert([of("1", "a"), of("2", "a"), of("3", "b")]);
    await vector.upsert([of("2", "b")]); // moved
    expect(await vector.deleteByDocument("a")).toEqual({ deleted: 1 });
    expect(await vector.deleteByDocument("a")).toEqual({ deleted: 0 });
    expect((await vector.query({ vector: [1, 0, 0, 0], topK: 9 })).map((h) => h.id)).toEqual(["2", "3"]);
    expect([await vector.count(), await vector.count({ d: "a" }), await vector.count({ d: "b" })]).toEqual([2, 0, 2]);
    await vector.upsert([of("1", "a")]);
    expect(await vector.count({ d: "a" })).toBe(1);
  });

  it("never mixes embedding spaces", async () => {
    const { vector } = bench().fresh();
    const other = { ...space, model: "other" };
    const wide = { provider: "test", model: "six", dimensions: 6, normalised: true };
    expect(await vector.query({ vector: [1, 0, 0, 0], topK: 1, space })).toEqual([]);
    expect(await vector.spaces()).toEqual([]);
    await vector.upsert([chunk("a", [1, 0, 0, 0])]);
    expect(await vector.spaces()).toEqual([space]);
    await expect(vector.query({ vector: [1, 0, 0, 0], topK: 1, space: other })).rejects.toMatchObject({
      code: "invalid",
    });
    await expect(vector.query({ vector: [1, 0, 0], topK: 1 })).rejects.toMatchObject({ code: "invalid" });
    await vector.upsert([chunk("b", [1, 0, 0, 0, 0, 0], { space: wide }), chunk("c", [1, 0, 0, 0], { space: other })]);
    expect(await vector.spaces()).toHaveLength(3);
    await expect(vector.query({ vector: [1, 0, 0, 0], topK: 1 })).rejects.toMatchObject({ code: "invalid" });
    const inSpace = async (s: typeof space) =>
      (await vector.query({ vector: Array(s.dimensions).fill(1), topK: 9, space: s })).map((h) => h.id);
    expect([await inSpace(space), await inSpace(other), await inSpace(wide)]).toEqual([["a"], ["c"], ["b"]]);
    // The same id in another space is the same chunk: it moves.
    await vector.upsert([chunk("a", [1, 0, 0, 0, 0, 0], { space: wide })]);
    expect(await inSpace(wide)).toEqual(["a", "b"]);
    await expect(inSpace(space)).rejects.toMatchObject({ code: "invalid" });
    expect(await vector.count()).toBe(3);
    expect(await vector.deleteByDocument("doc-c")).toEqual({ deleted: 1 });
    expect(await vector.spaces()).toEqual([wide]);
    expect((await vector.query({ vector: [1, 0, 0, 0, 0, 0], topK: 9 })).map((h) => h.id)).toEqual(["a", "b"]);
  });

  it("takes a stream, and keeps what came before its failure", async () => {
    const { vector } = bench().fresh();
    async function* source(until: number) {
      for (let i = 0; i < 2_500; i++) {
        if (i === until) throw new Error("the source broke");
        yield chunk(`s${i}`, [1, i, 0, 0], { document: `d${i % 3}` });
      }
    }
    await expect(vector.upsert(source(1_500))).rejects.toThrow("the source broke");
    expect(await vector.count()).toBe(1_000);
    expect(await vector.upsert(source(Infinity))).toEqual({ written: 2_500 });
    expect(await vector.count()).toBe(2_500);
    expect(await vector.upsert([])).toEqual({ written: 0 });
  });

  it("stands parallel writers of the same chunks", async () => {
    const { vector } = bench().fresh();
    const ids = Array.from({ length: 60 }, (_, i) => `p${i}`);
    const write = (who: number) =>
      vector.upsert(
        (who % 2 ? ids : ids.toReversed()).map((id) =>
          chunk(id, [1, who, 0, 0], { document: `d${who % 3}`, metadata: { who } }),
        ),
      );
    await Promise.all([0, 1, 2, 3, 4, 5].map(write));
    await Promise.all([write(6), vector.deleteByDocument("d0"), vector.deleteByDocument("d1"), write(7)]);
    const hits = await vector.query({ vector: [1, 0, 0, 0], topK: 100 });
    expect(hits).toHaveLength(await vector.count());
    expect(await vector.count({ who: { exists: true } })).toBe(hits.length);
    expect(new Set(hits.map((h) => h.document)).size).toBeLessThanOrEqual(2);
  });
}
