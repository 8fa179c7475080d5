import { expect, it } from "vitest";
import { type Embedder, hashEmbedder } from "../../adapters/embedder.ts";
import { planReindex, reindex } from "../../adapters/reindex.ts";
import type { Chunk, EmbeddingSpace, VectorStore } from "../../adapters/vector/contract.ts";
import type { Bench } from "./bench.ts";
import { refused } from "./expectations.ts";
import { chunk, cosine } from "./vector-fixture.ts";

const old = hashEmbedder({ dimensions: 48 });
const wide = hashEmbedder({ dimensions: 64 });
const word = ["plum", "pear", "apple", "cherry", "quince"];
const textOf = (i: number) => `${word[i % 5]} ${word[(i * 3) % 5]} number ${i}`;

/** An embedder that counts its texts, and calls `before` with how many there were. */
function watched(
  inner: Embedder,
  before: (seen: number) => unknown = () => {},
): Embedder & { seen: readonly string[] } {
  const seen: string[] = [];
  return {
    space: inner.space,
    seen,
    async embed(texts) {
      await before(seen.length);
      seen.push(...texts);
      return inner.embed(texts);
    },
  };
}

export function reindexing(bench: () => Bench): void {
  const chunkOf = async (id: string, text: string, more: Partial<Chunk> = {}, embedder: Embedder = old) =>
    chunk(id, [...((await embedder.embed([text]))[0] ?? [])], { text, space: embedder.space, ...more });
  const loaded = async (count: number) => {
    const { tenant, vector } = bench().fresh();
    const chunks = Array.from({ length: count }, (_, i) =>
      chunkOf(`r${i}`, textOf(i), { document: `d${i % 7}`, metadata: { i } }),
    );
    await vector.upsert(await Promise.all(chunks));
    return { vector, tenants: [tenant] };
  };
  const probe = async (embedder: Embedder, text: string) => (await embedder.embed([text]))[0] as Float32Array;
  /** What a tenant should be like in a space: every chunk, with the vector of its own text. */
  const expectWhole = async (vector: VectorStore, embedder: Embedder, texts: ReadonlyMap<string, string>) => {
    const asked = await probe(embedder, "plum pear number 3");
    const all = await vector.query({ vector: asked, topK: 1_000, space: embedder.space });
    expect(new Map(all.map(({ id, text }) => [id, text] as const).sort())).toEqual(new Map([...texts].sort()));
    const vectors = await embedder.embed(all.map(({ text }) => text));
    const scores = vectors.map((one) => expect.closeTo(cosine(asked, one), 4));
    expect(all.map(({ score }) => score)).toEqual(scores);
  };
  const textsOf = (count: number) => new Map(Array.from({ length: count }, (_, i) => [`r${i}`, textOf(i)]));
  /** Dimensions of its spaces, and the chunks in each. */
  const spaces = async (vector: VectorStore) => {
    const state = await vector.reindexing.state();
    return state.spaces.map(({ space, chunks }) => [space.dimensions, chunks]).sort(([a = 0], [b = 0]) => b - a);
  };

  it("moves a tenant to another space, which answers from the switch on, and drops the old one when asked", async () => {
    const { vector, tenants } = await loaded(150);
    expect(await planReindex(bench(), wide.space, { tenants })).toEqual([
      { tenant: tenants[0], from: old.space, chunks: 150, missing: 150 },
    ]);
    const filled = await reindex(bench(), wide, { tenants, batch: 40, switch: false, sample: 0 });
    expect(filled.tenants[0]).toMatchObject({ embedded: 150, switched: false });
    expect(await vector.current()).toEqual(old.space);
    // A query without a space stays where it was, though there are two.
    const [still] = await vector.query({ vector: await probe(old, textOf(3)), topK: 1 });
    expect(still).toMatchObject({ score: expect.closeTo(1, 4), space: old.space });

    const again = watched(wide);
    const { tenants: reports } = await reindex(bench(), again, { tenants, sample: 20 });
    expect(again.seen).toEqual([]);
    expect(reports[0]).toMatchObject({ embedded: 0, switched: true, comparison: { sampled: 20, recall: 1 } });
    expect(reports[0]?.comparison?.overlap).toBeGreaterThan(0.3);
    expect(await vector.current()).toEqual(wide.space);
    const [moved] = await vector.query({ vector: await probe(wide, textOf(3)), topK: 1 });
    expect(moved).toMatchObject({
      score: expect.closeTo(1, 4),
      metadata: { i: expect.any(Number) },
      space: wide.space,
    });
    await expect(vector.query({ vector: await probe(old, "plum"), topK: 1 })).rejects.toMatchObject(refused("invalid"));
    for (const embedder of [old, wide]) await expectWhole(vector, embedder, textsOf(150));
    expect(await vector.count()).toBe(150);

    const last = await reindex(bench(), wide, { tenants, dropOld: true, sample: 0 });
    expect(last.tenants[0]).toMatchObject({ embedded: 0, removed: 150, kept: 0 });
    expect(await vector.spaces()).toEqual([wide.space]);
    await expectWhole(vector, wide, textsOf(150));
    expect((await reindex(bench(), wide, { tenants, dropOld: true })).tenants[0]).toMatchObject({ from: null });
  });

  it("goes on where an embedder broke off, and embeds nothing twice", async () => {
    const { vector, tenants } = await loaded(100);
    const broken = watched(wide, (seen) => {
      if (seen >= 48) throw new Error("the provider is down");
    });
    await expect(reindex(bench(), broken, { tenants, batch: 16 })).rejects.toThrow("the provider is down");
    expect(await vector.current()).toEqual(old.space);
    await expectWhole(vector, old, textsOf(100));
    const [plan] = await planReindex(bench(), wide.space, { tenants });
    expect(plan?.missing).toBe(52);
    const rest = watched(wide);
    await reindex(bench(), rest, { tenants, batch: 16 });
    expect([...broken.seen, ...rest.seen].sort()).toEqual([...textsOf(100).values()].sort());
    await expectWhole(vector, wide, textsOf(100));
  });

  it("gets right what is written, changed, moved and deleted meanwhile, while the old space answers", async () => {
    const { vector, tenants } = await loaded(120);
    const texts = textsOf(120);
    const answers: (string | undefined)[] = [];
    const busy = watched(wide, async (seen) => {
      if (seen > 120) return;
      const step = seen / 20;
      // One that was embedded, one that is being embedded, one that will be; a new one; and a document goes.
      for (const i of [step, seen + 5, 119 - step]) {
        texts.set(`r${i}`, `changed ${i} in ${step}`);
        await vector.upsert([await chunkOf(`r${i}`, `changed ${i} in ${step}`, { document: `d${i % 7}` })]);
      }
      texts.set(`new${step}`, `fresh fruit ${step}`);
      await vector.upsert([await chunkOf(`new${step}`, `fresh fruit ${step}`)]);
      if (step === 3) {
        await vector.deleteByDocument("d2");
        for (const id of texts.keys()) if (/^r/.test(id) && Number(id.slice(1)) % 7 === 2) texts.delete(id);
      }
      const kept = texts.has("r100") ? "r100" : "r101";
      answers.push(
        (await vector.query({ vector: await probe(old, texts.get(kept) ?? ""), topK: 1 }))[0]?.id === kept
          ? "right"
          : kept,
      );
    });
    const { tenants: reports } = await reindex(bench(), busy, { tenants, batch: 20 });
    expect(reports[0]).toMatchObject({ switched: true });
    expect(new Set(answers)).toEqual(new Set(["right"]));
    await expectWhole(vector, wide, texts);
    expect(await vector.count()).toBe(texts.size);
    expect(await spaces(vector)).toEqual([
      [64, texts.size],
      [48, texts.size],
    ]);
  });

  it("leaves out what changed after it was read, whoever is first", async () => {
    const { vector } = await loaded(3);
    const move = { from: old.space, to: wide.space };
    const { reindexing } = vector;
    await reindexing.begin(move, 3);
    const pages = [await reindexing.missing(move, "", 2), await reindexing.missing(move, "r1", 2)];
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([["r0", "r1"], ["r2"]]);
    const vectors = await Promise.all(
      pages.flat().map(async ({ id, contentHash, text }) => ({ id, contentHash, vector: await probe(wide, text) })),
    );
    await vector.upsert([await chunkOf("r0", "other text", { document: "d0" })]);
    await vector.upsert([await chunkOf("r1", textOf(1), { document: "d1" }, wide)]); // moved by the application itself
    await vector.deleteByDocument("d2");
    expect(await reindexing.add(move, vectors)).toBe(0);
    expect(await reindexing.switch(move)).toEqual({ missing: 1 });
    expect(await vector.current()).toEqual(old.space);
    expect(await spaces(vector)).toEqual([
      [64, 1],
      [48, 1],
    ]);
  });

  it("ends whole with writers, deleters and two reindexers at once", async () => {
    const { vector, tenants } = await loaded(200);
    const texts = textsOf(200);
    let writing = true;
    const write = async () => {
      for (let n = 0; writing; n++) {
        const ids = [n % 200, (n * 7) % 200, (n * 13) % 200];
        await vector.upsert(
          await Promise.all(ids.map((i) => chunkOf(`r${i}`, `version ${n} of ${i}`, { document: `d${i % 7}` }))),
        );
        for (const i of ids) texts.set(`r${i}`, `version ${n} of ${i}`);
        if (n === 10) {
          await vector.deleteByDocument("d5");
          for (const id of texts.keys()) if (Number(id.slice(1)) % 7 === 5) texts.delete(id);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const writer = write();
    await Promise.all(
      [1, 2].map((batch) =>
        reindex(bench(), wide, { tenants, batch: batch * 15, switch: false, sample: 0 }).catch((error) => {
          if (error.code !== "conflict") throw error; // it never caught up, which is what the rest is about
        }),
      ),
    );
    writing = false;
    await writer;
    await Promise.all([1, 2].map(() => reindex(bench(), wide, { tenants })));
    await expectWhole(vector, wide, texts);
    expect(await vector.count()).toBe(texts.size);
  });

  it("keeps chunks that the old space alone has, and takes them along when it is repeated", async () => {
    const { vector, tenants } = await loaded(30);
    await reindex(bench(), wide, { tenants });
    // An application that does not know of the switch yet.
    await vector.upsert([
      await chunkOf("late", "a late plum"),
      await chunkOf("r1", "changed late", { document: "d1" }),
    ]);
    expect(await vector.reindexing.drop({ from: old.space, to: wide.space })).toEqual({ removed: 29, kept: 2 });
    await expect(vector.reindexing.drop({ from: wide.space, to: old.space })).rejects.toMatchObject(refused("invalid"));
    expect(await planReindex(bench(), wide.space, { tenants })).toMatchObject([{ from: old.space, missing: 2 }]);
    const late = watched(wide);
    const { tenants: reports } = await reindex(bench(), late, { tenants, dropOld: true });
    expect(late.seen.toSorted()).toEqual(["a late plum", "changed late"]);
    expect(reports[0]).toMatchObject({ removed: 2, kept: 0, switched: true });
    await expectWhole(vector, wide, new Map([...textsOf(30), ["late", "a late plum"], ["r1", "changed late"]]));
  });

  it("goes back, and on to a third space", async () => {
    const { vector, tenants } = await loaded(20);
    await reindex(bench(), wide, { tenants });
    const back = watched(old);
    await reindex(bench(), back, { tenants });
    expect(back.seen).toEqual([]);
    expect(await vector.current()).toEqual(old.space);
    const third = hashEmbedder({ dimensions: 8 });
    await reindex(bench(), third, { tenants });
    expect(await vector.current()).toEqual(third.space);
    expect(await spaces(vector)).toEqual([
      [64, 20],
      [48, 20],
      [8, 20],
    ]);
    await vector.upsert([await chunkOf("r0", "another", { document: "d0" }, third)]);
    expect(await spaces(vector)).toEqual([
      [64, 19],
      [48, 19],
      [8, 20],
    ]);
  });

  it("asks which of several spaces to move from, and leaves the others alone", async () => {
    const { vector, tenants } = await loaded(4);
    const image: EmbeddingSpace = { provider: "test", model: "image", dimensions: 3, normalised: false };
    await vector.upsert([chunk("picture", [1, 0, 0], { space: image })]);
    expect(await vector.current()).toBeNull();
    await expect(reindex(bench(), wide, { tenants })).rejects.toMatchObject(refused("invalid"));
    const { tenants: reports } = await reindex(bench(), wide, { tenants, from: "agent-stores/hash-1" });
    expect(reports[0]).toMatchObject({ embedded: 4, switched: true });
    expect(await vector.current()).toEqual(wide.space);
    // One that is not the current space may move too, and does not become it.
    const newer = { space: { ...image, model: "image-2" }, embed: async () => [Float32Array.of(0, 1, 0)] };
    const beside = await reindex(bench(), newer, { tenants, from: "test/image", dropOld: true });
    expect(beside.tenants[0]).toMatchObject({ embedded: 1, removed: 1, kept: 0 });
    expect(await vector.current()).toEqual(wide.space);
    expect(await vector.query({ vector: [0, 1, 0], topK: 9, space: newer.space })).toHaveLength(1);
    expect(await spaces(vector)).toEqual([
      [64, 4],
      [48, 4],
      [3, 1],
    ]);
  });

  it("does nothing for a tenant without chunks, and refuses what makes no sense", async () => {
    const { tenant, vector } = bench().fresh();
    expect((await reindex(bench(), wide, { tenants: [tenant] })).tenants).toMatchObject([{ from: null, embedded: 0 }]);
    const move = { from: old.space, to: wide.space };
    expect(await vector.reindexing.state()).toEqual({ spaces: [], current: null, previous: null });
    expect(await vector.reindexing.switch(move)).toEqual({ missing: 0 });
    expect(await vector.current()).toBeNull();
    const bad: [string, Promise<unknown>][] = [
      ["itself", vector.reindexing.countMissing({ from: old.space, to: old.space })],
      ["limit", vector.reindexing.missing(move, "", 0)],
      ["hash", vector.reindexing.add(move, [{ id: "a", contentHash: "x", vector: new Float32Array(64) }])],
      ["length", vector.reindexing.add(move, [{ id: "a", contentHash: "0".repeat(64), vector: new Float32Array(3) }])],
      ["drop and no switch", reindex(bench(), wide, { tenants: [], dropOld: true, switch: false })],
    ];
    for (const [what, call] of bad) await expect(call, what).rejects.toMatchObject(refused("invalid"));
    const { tenants } = await loaded(2);
    const short: Embedder = { space: wide.space, embed: async () => [] };
    await expect(reindex(bench(), short, { tenants })).rejects.toMatchObject(refused("invalid"));
  });

  it("frees a space that nobody uses, and no other", async () => {
    const [first, second] = [await loaded(5), await loaded(5)];
    const seven = hashEmbedder({ dimensions: 7 });
    const six = hashEmbedder({ dimensions: 6 });
    for (const { tenants } of [first, second]) await reindex(bench(), seven, { tenants, dropOld: true });
    const one = await reindex(bench(), six, { tenants: first.tenants, dropOld: true });
    expect(one).toMatchObject({ dropped: [], remaining: [{ space: seven.space, why: "used" }] });
    await expectWhole(second.vector, seven, textsOf(5));
    const both = await reindex(bench(), six, { tenants: [...first.tenants, ...second.tenants], dropOld: true });
    expect([...both.dropped, ...both.remaining.map(({ space }) => space)]).toEqual([seven.space]);
    // Whoever comes late makes it anew.
    await first.vector.upsert([await chunkOf("late", "late", {}, seven)]);
    expect(await spaces(first.vector)).toEqual([
      [7, 1],
      [6, 5],
    ]);
  });
}
