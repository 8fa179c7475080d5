import fc from "fast-check";
import { expect, it } from "vitest";
import { StoreError } from "../../adapters/errors.ts";
import type { Chunk, VectorQuery } from "../../adapters/vector/contract.ts";
import type { Filter } from "../../adapters/vector/filter.ts";
import type { Bench } from "./bench.ts";
import { casesOn } from "./thorough.ts";
import { chunk, space } from "./vector-fixture.ts";

const good = () => chunk("good", [1, 2, 3, 4]);
const deep = (levels: number): Filter => (levels === 1 ? { a: 1 } : { and: [deep(levels - 1)] });
const nested = (levels: number): never => (levels === 0 ? 1 : [nested(levels - 1)]) as never;

const badChunks: [string, unknown][] = [
  ["no id", { ...good(), id: undefined }],
  ["empty id", { ...good(), id: "" }],
  ["id of 513", { ...good(), id: "x".repeat(513) }],
  ["NUL in id", { ...good(), id: "a\0b" }],
  ["lone surrogate in text", { ...good(), text: "\ud800" }],
  ["NUL in text", { ...good(), text: "\0" }],
  ["text of 1,048,577", { ...good(), text: "x".repeat(1_048_577) }],
  ["empty document", { ...good(), document: "" }],
  ["NUL in uri", { ...good(), uri: "file:\0" }],
  ["position -1", { ...good(), position: -1 }],
  ["position 0.5", { ...good(), position: 0.5 }],
  ["position beyond int", { ...good(), position: 2 ** 31 }],
  ["wrong hash", { ...good(), contentHash: "0".repeat(64) }],
  ["NaN", { ...good(), vector: [1, 2, 3, NaN] }],
  ["infinity", { ...good(), vector: new Float32Array([1, 2, 3, Infinity]) }],
  ["overflow", { ...good(), vector: [1e200, 0, 0, 0] }],
  ["too long a vector", { ...good(), vector: [1e16, 0, 0, 0] }],
  ["too short a vector", { ...good(), vector: [1e-16, 0, 0, 0] }],
  ["another dimension", { ...good(), vector: [1, 2, 3] }],
  ["strings in vector", { ...good(), vector: ["1", "2", "3", "4"] }],
  ["no vector", { ...good(), vector: undefined }],
  ["no space", { ...good(), space: undefined }],
  ["2,001 dimensions", { ...good(), space: { ...space, dimensions: 2_001 }, vector: new Float32Array(2_001) }],
  ["line break in model", { ...good(), space: { ...space, model: "a\nb" } }],
  ["metadata list", { ...good(), metadata: [] }],
  ["metadata date", { ...good(), metadata: { at: new Date() } }],
  ["metadata undefined", { ...good(), metadata: { a: undefined } }],
  ["metadata NaN", { ...good(), metadata: { a: NaN } }],
  ["metadata bigint", { ...good(), metadata: { a: 1n } }],
  ["NUL in metadata key", { ...good(), metadata: { "a\0": 1 } }],
  ["NUL in nested value", { ...good(), metadata: { a: [{ b: "\0" }] } }],
  ["metadata over 64 KiB", { ...good(), metadata: { a: "x".repeat(65_536) } }],
  ["metadata nested 100 deep", { ...good(), metadata: { a: nested(100) } }],
  ["null", null],
];

const badQueries: [string, object][] = [
  ["topK 0", { topK: 0 }],
  ["topK 1001", { topK: 1_001 }],
  ["topK 1.5", { topK: 1.5 }],
  ["minScore 2", { minScore: 2 }],
  ["minScore NaN", { minScore: NaN }],
  ["vector NaN", { vector: [NaN, 0, 0, 0] }],
  ["no vector", { vector: undefined }],
  ["filter null", { filter: null }],
  ["filter string", { filter: "a = 1" }],
  ["filter undefined value", { filter: { a: undefined } }],
  ["filter null value", { filter: { a: null } }],
  ["filter list", { filter: { a: [1] } }],
  ["filter empty condition", { filter: { a: {} } }],
  ["filter unknown condition", { filter: { a: { like: "x" } } }],
  ["filter range of text", { filter: { a: { gt: "2024" } } }],
  ["filter NaN", { filter: { a: NaN } }],
  ["filter NUL", { filter: { a: "\0" } }],
  ["filter 17 deep", { filter: deep(17) }],
  ["filter of 257", { filter: { or: Array.from({ length: 257 }, (_, i) => ({ a: i })) } }],
  ["in of 1,001", { filter: { a: { in: Array.from({ length: 1_001 }, (_, i) => i) } } }],
];

export function input(bench: () => Bench): void {
  it("refuses bad chunks before anything is written", async () => {
    const { vector } = bench().fresh();
    for (const [what, bad] of badChunks) {
      const before = Array.from({ length: 1_500 }, (_, i) => chunk(`b${i}`, [1, 0, 0, 0]));
      const call = vector.upsert([...before, bad as Chunk]);
      await expect(call, what).rejects.toMatchObject({ name: "StoreError", code: "invalid" });
    }
    expect(await vector.count()).toBe(0);
  });

  it("refuses bad queries, ids and tenants", async () => {
    const { vector } = bench().fresh();
    await vector.upsert([good()]);
    for (const [what, bad] of badQueries) {
      const query = { vector: [1, 0, 0, 0], topK: 1, ...bad } as VectorQuery;
      await expect(vector.query(query), what).rejects.toMatchObject({ name: "StoreError", code: "invalid" });
    }
    await expect(vector.deleteByDocument("")).rejects.toMatchObject({ code: "invalid" });
    for (const id of ["", "-a", "A", "a_b", "a/b", "x".repeat(64), "ä"]) {
      expect(() => bench().stores.tenant(id), id).toThrow(StoreError);
      await expect(bench().fleet.deleteTenant(id), id).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it("takes everything at its limits", async () => {
    const { vector } = bench().fresh();
    const given = chunk("🚲".repeat(256), [1e15, 0, 0, 0], {
      document: "\uffee".repeat(512),
      text: "x".repeat(1_048_576),
      position: 2 ** 31 - 1,
      metadata: { a: "x".repeat(65_520), ...{} },
    });
    const many = chunk("many", [0, 1e-15, 0, 0], {
      metadata: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key ${i}`, i])),
    });
    const wide = chunk("wide", Array(2_000).fill(0.5), {
      space: { ...space, dimensions: 2_000 },
      metadata: { ["k".repeat(600)]: "v".repeat(60_000) },
    });
    await vector.upsert([given, many, wide]);
    const [hit] = await vector.query({ vector: [1, 0, 0, 0], topK: 1, space });
    expect(hit).toMatchObject({
      id: given.id,
      document: given.document,
      text: given.text,
      position: given.position,
      metadata: given.metadata,
    });
    expect(await vector.count({ "key 499": 499 })).toBe(1);
    expect(await vector.count({ ["k".repeat(600)]: "v".repeat(60_000) })).toBe(1);
    expect(await vector.count(deep(16))).toBe(0);
    expect(await vector.deleteByDocument(given.document)).toEqual({ deleted: 1 });
  });

  it("refuses or round-trips anything", async () => {
    const { vector } = bench().fresh();
    const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const any = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: unit16 }),
      fc.string({ minLength: 505, maxLength: 515 }),
    );
    const text = mostly(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), any);
    const json = fc.jsonValue({ maxDepth: 2, stringUnit: "grapheme" }) as fc.Arbitrary<never>;
    const weird = fc.record({
      id: text,
      document: text,
      uri: fc.option(text, { nil: undefined }),
      text,
      position: mostly(fc.nat(), fc.oneof(fc.integer(), fc.double())),
      metadata: mostly(fc.dictionary(text, json, { maxKeys: 5 }), fc.anything() as fc.Arbitrary<never>),
      vector: fc.array(mostly(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1024, max: 1024 }), fc.float()), {
        minLength: 4,
        maxLength: 4,
      }),
      space: fc.constant(space),
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(weird, async (given) => {
        const before = await vector.count();
        try {
          await vector.upsert([given]);
        } catch (error) {
          expect(error).toMatchObject({ name: "StoreError", code: "invalid" });
          expect(await vector.count()).toBe(before);
          return;
        }
        const hits = await vector.query({ vector: [1, 1, 1, 1], topK: 10 });
        const { uri = null, metadata, vector: _, position, ...rest } = given;
        expect(hits).toHaveLength(1);
        expect(hits[0]).toMatchObject({ ...rest, position: position + 0, ...(uri === null ? {} : { uri }) });
        expect(hits[0]?.metadata).toEqual(JSON.parse(JSON.stringify(metadata ?? {})));
        await vector.deleteByDocument(given.document);
        accepted++;
      }),
      { numRuns: casesOn(bench().under.name) },
    );
    expect(accepted).toBeGreaterThan(0.25 * casesOn(bench().under.name));
  });
}

const mostly = <T>(usual: fc.Arbitrary<T>, unusual: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 24, arbitrary: usual }, { weight: 1, arbitrary: unusual });
