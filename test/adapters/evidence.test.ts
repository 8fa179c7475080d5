import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonical, sha256 } from "../../adapters/canonical.ts";
import { StoreError } from "../../adapters/errors.ts";
import { type CurrentChunk, evidence, evidenceText, verifyEvidence } from "../../adapters/evidence.ts";
import type { VectorHit } from "../../adapters/vector/contract.ts";

const space = { provider: "agent-stores", model: "hash-1", dimensions: 4, normalised: true };
const source = "The first text, which is long enough. Ein zweiter Text mit Umläuten: äöü.";
const hit = (id: string, text: string, position: number): VectorHit => ({
  id,
  score: 0.75 - position / 3,
  document: "report",
  uri: "https://example.org/report",
  text,
  position,
  contentHash: sha256(text),
  metadata: { year: 1936, tags: ["a", "b"], open: true },
  space,
});
const hits = [hit("one", source.slice(0, 37), 0), hit("two", source.slice(38), 1)];
const context = {
  tenant: "acme",
  store: "postgres://agent_core:hunter2@db.internal:5432/agent_core",
  query: { text: "what is long?", vector: [0.5, 0.5, 0.5, 0.5], topK: 2, filter: { year: { gte: 1900 } } },
  sources: { report: source },
  at: new Date("2026-01-02T03:04:05.678Z"),
};
const manifest = await evidence(hits, context);
const reading = (chunks: CurrentChunk[], text: string | Uint8Array | undefined = source) => ({
  chunks: () => chunks,
  source: () => text,
});
const verify = (chunks: CurrentChunk[], text?: string | Uint8Array) => verifyEvidence(manifest, reading(chunks, text));
const brief = (differences: Awaited<ReturnType<typeof verify>>) =>
  differences.map((one) => `${one.in} ${one.id} ${one.field}`);

const flip = (bytes: Uint8Array, at: number, bit: number) =>
  bytes.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte));
/** Positions of every byte of a text, with each bit. */
const anyFlip = (length: number) => fc.tuple(fc.nat(length - 1), fc.nat(7));

describe("evidence", () => {
  it("says what was asked and found, and nothing about addresses or credentials", () => {
    expect(manifest).toMatchObject({
      format: "agent-stores/evidence",
      version: 1,
      createdAt: "2026-01-02T03:04:05.678Z",
      tenant: "acme",
      store: "postgres",
      query: { text: "what is long?", topK: 2, filter: { year: { gte: 1900 } }, minScore: null },
      space,
      sources: [{ document: "report", contentHash: sha256(source) }],
    });
    expect(manifest.query.vectorSha256).toBe(sha256(Buffer.from(new Float32Array([0.5, 0.5, 0.5, 0.5]).buffer)));
    expect(manifest.chunks.map(({ id, position, score }) => [id, position, score])).toEqual([
      ["one", 0, 0.75],
      ["two", 1, 0.75 - 1 / 3],
    ]);
    expect(evidenceText(manifest)).not.toMatch(/hunter2|db\.internal|agent_core/);
  });

  it("is the same text for the same answer", async () => {
    expect(evidenceText(await evidence(hits, { ...context }))).toBe(evidenceText(manifest));
    expect(manifest.sha256).toBe("29ce878b9f12a6a6e36da8d5e39a46baddb1dd0879d53be800768dc4f29b1cbd");
  });

  it("refuses to vouch for a text that its hash denies", async () => {
    const forged = { ...hit("three", "honest", 2), text: "forged" };
    await expect(evidence([forged], context)).rejects.toThrow(StoreError);
    await expect(evidence([forged], context)).rejects.toThrow(/"three".*write the document "report" again/s);
  });

  it("can be made of an empty answer", async () => {
    const empty = await evidence([], { ...context, sources: {} });
    expect(empty.space).toBeNull();
    expect(await verifyEvidence(evidenceText(empty), reading([]))).toEqual([]);
  });
});

describe("verifyEvidence", () => {
  it("holds for what has not changed, as object, text and bytes, in any order of chunks", async () => {
    const kept = evidenceText(manifest);
    for (const form of [manifest, kept, new TextEncoder().encode(kept), JSON.parse(JSON.stringify(manifest, null, 2))])
      expect(await verifyEvidence(form, reading(hits.toReversed()))).toEqual([]);
  });

  it("names the chunk whose text had one bit flipped, at any place", async () => {
    const cases = hits.flatMap(({ text }, index) => [...text].map((_, at) => ({ index, at })));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...cases), fc.nat(15), async ({ index, at }, bit) => {
        const chunks = hits.map((one, which) => {
          const unit = String.fromCharCode(one.text.charCodeAt(at) ^ (1 << bit));
          return which === index ? { ...one, text: one.text.slice(0, at) + unit + one.text.slice(at + 1) } : one;
        });
        expect(brief(await verify(chunks))).toEqual([`chunk ${hits[index]?.id} text`]);
      }),
      { numRuns: 300 },
    );
  });

  it("names the source that had one bit flipped, at any place", async () => {
    const bytes = new TextEncoder().encode(source);
    await fc.assert(
      fc.asyncProperty(anyFlip(bytes.length), async ([at, bit]) => {
        expect(brief(await verify(hits, flip(bytes, at, bit)))).toEqual(["source report text"]);
      }),
      { numRuns: 300 },
    );
  });

  it("names the manifest that had one bit flipped, at any place, and nothing else", async () => {
    const bytes = new TextEncoder().encode(evidenceText(manifest));
    for (let at = 0; at < bytes.length; at++) {
      const differences = await verifyEvidence(flip(bytes, at, at % 7), reading(hits));
      expect(differences.map((one) => one.in)).toEqual(["manifest"]);
    }
  });

  it("names a changed member of a manifest object", async () => {
    const member = fc.constantFrom(...Object.keys(manifest)) as fc.Arbitrary<keyof typeof manifest>;
    await fc.assert(
      fc.asyncProperty(member, fc.jsonValue(), async (name, value) => {
        fc.pre(canonical(value) !== canonical(manifest[name]));
        const differences = await verifyEvidence({ ...manifest, [name]: value } as typeof manifest, reading(hits));
        expect(differences.map((one) => one.in)).toEqual(["manifest"]);
      }),
    );
  });

  it.each([
    ["document", { document: "another" }],
    ["uri", { uri: null }],
    ["position", { position: 7 }],
    ["metadata", { metadata: { year: 1937, tags: ["a", "b"], open: true } }],
  ])("names a changed %s", async (field, change) => {
    const [first, second] = hits as [VectorHit, VectorHit];
    expect(brief(await verify([first, { ...second, ...change }]))).toEqual([`chunk two ${field}`]);
  });

  it("does not mind the order of metadata's keys", async () => {
    const reordered = hits.map((one) => ({ ...one, metadata: { open: true, tags: ["a", "b"], year: 1936 } }));
    expect(await verify(reordered)).toEqual([]);
  });

  it("names what is gone, and several differences at once", async () => {
    const [first] = hits as [VectorHit];
    const differences = await verifyEvidence(manifest, {
      chunks: () => [{ ...first, text: "x", uri: "y" }],
      source: () => undefined,
    });
    expect(brief(differences)).toEqual([
      "chunk one text",
      "chunk one uri",
      "chunk two presence",
      "source report presence",
    ]);
    expect(differences[2]?.message).toBe('chunk "two" is gone');
  });

  it("leaves sources alone when none can be read", async () => {
    expect(await verifyEvidence(manifest, { chunks: () => hits })).toEqual([]);
  });
});

describe("canonical", () => {
  it("is valid JSON of the same value, whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonical(JSON.parse(canonical(value)))).toBe(canonical(value));
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonical({ b: 1, a: { d: [null, "é"], c: undefined } })).toBe('{"a":{"d":[null,"é"]},"b":1}');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, () => 1, 1n])("refuses %s", (value) => {
    expect(() => canonical([value])).toThrow(TypeError);
  });
});
