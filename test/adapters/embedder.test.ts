import { describe, expect, it } from "vitest";
import { sha256 } from "../../adapters/canonical.ts";
import { hashEmbedder } from "../../adapters/embedder.ts";

const cosine = (one: Float32Array, other: Float32Array) =>
  one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
const bits = (vector: Float32Array) => {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, at) => {
    view.setFloat32(at * 4, value, true);
  });
  return sha256(new Uint8Array(view.buffer));
};

describe("hashEmbedder", () => {
  const embedder = hashEmbedder();

  it("names its space", () => {
    expect(embedder.space).toEqual({ provider: "agent-stores", model: "hash-1", dimensions: 384, normalised: true });
    expect(hashEmbedder({ dimensions: 8 }).space.dimensions).toBe(8);
  });

  // Stored vectors outlive this code: a change of these values is a new model, not a fix.
  it.each([
    ["The state of the Union is strong.", "35d1b8c93fdd5eb62ceea1a6cb78749ba1a4088ba044ce7af4e9ca5ee1041a81"],
    [
      "Zürich, 東京 and Ελλάδα: 1,234.5 naïve cafés",
      "7098afe7a02843565c054ef5c584dc3ce94914dd54e2478eff6b09863cfff3ec",
    ],
  ])("gives the same bits for %j as ever", async (text, golden) => {
    const [vector] = await embedder.embed([text]);
    expect(vector && bits(vector)).toBe(golden);
  });

  it("gives the same values as ever in few dimensions", async () => {
    const [vector] = await hashEmbedder({ dimensions: 4 }).embed(["the quick brown fox"]);
    expect([...(vector ?? [])]).toEqual([
      0.9492889046669006, 0.033903174102306366, -0.2034190446138382, -0.23732222616672516,
    ]);
  });

  it("scales to length 1, and gives the zero vector for a text without words", async () => {
    const [text, empty, signs] = await embedder.embed(["some text", "", "… — !"]);
    expect(text && cosine(text, text)).toBeCloseTo(1, 6);
    expect(empty?.every((value) => value === 0)).toBe(true);
    expect(signs?.every((value) => value === 0)).toBe(true);
  });

  it("puts similar texts nearer than others", async () => {
    const [question, near, far, inflected] = (await embedder.embed([
      "how many soldiers serve in the army",
      "The army had forty thousand soldiers in active service.",
      "Exports of cotton and tobacco rose with the new tariff.",
      "An army's soldier is serving",
    ])) as [Float32Array, Float32Array, Float32Array, Float32Array];
    expect(cosine(question, near)).toBeGreaterThan(cosine(question, far) + 0.2);
    expect(cosine(question, inflected)).toBeGreaterThan(cosine(question, far) + 0.2);
  });

  it("does not depend on what else is embedded with it, on case or on the Unicode form", async () => {
    const [alone] = await embedder.embed(["Café Society"]);
    const [, together, upper, decomposed] = await embedder.embed([
      "other",
      "Café Society",
      "CAFÉ SOCIETY",
      "Cafe\u0301 Society",
    ]);
    expect(together).toEqual(alone);
    expect(upper).toEqual(alone);
    expect(decomposed).toEqual(alone);
  });

  it.each([0, 2001, 1.5, Number.NaN])("refuses %j dimensions", (dimensions) => {
    expect(() => hashEmbedder({ dimensions })).toThrow(/dimensions is .* whole number/);
  });
});
