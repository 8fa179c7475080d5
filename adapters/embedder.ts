import { StoreError } from "./errors.ts";
import type { EmbeddingSpace } from "./vector/contract.ts";

/** Turns texts into vectors of one space. Implement it over any model; stores take what it gives. */
export interface Embedder {
  readonly space: EmbeddingSpace;
  /** One vector of `space.dimensions` numbers for each text, in order. */
  embed(texts: readonly string[]): Promise<Float32Array[]>;
}

export interface HashEmbedderOptions {
  /** Length of the vectors, 1 to 2,000; more means fewer features that fall together. @default 384 */
  dimensions?: number;
}

const GRAM = 4;
const WORD = { short: 0.3, long: 1 };
const GRAM_WEIGHT = 0.35;

/**
 * An embedder without a model: words and character 4-grams hashed into `dimensions` places with a sign, square root of
 * the counts, scaled to length 1. It knows spelling and no meaning, which is enough for demos, tests and lexical search
 * without any download. The same text gives the same bits on every platform: only IEEE-exact operations (+ × ÷ √)
 * are used. A text without letters or digits gives the zero vector.
 */
export function hashEmbedder({ dimensions = 384 }: HashEmbedderOptions = {}): Embedder {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 2000)
    throw new StoreError("invalid", "embedder", `dimensions is ${dimensions}.`, "Give a whole number from 1 to 2,000.");
  return {
    space: { provider: "agent-stores", model: "hash-1", dimensions, normalised: true },
    embed: async (texts) => texts.map((text) => embedOne(text, dimensions)),
  };
}

function embedOne(text: string, dimensions: number): Float32Array {
  const sums = new Float64Array(dimensions);
  for (const [feature, { count, weight }] of featuresOf(text)) {
    const hash = hashOf(feature);
    const place = (hash >>> 1) % dimensions;
    sums[place] = (sums[place] ?? 0) + (hash & 1 ? weight : -weight) * Math.sqrt(count);
  }
  const length = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(sums, (value) => (length === 0 ? 0 : value / length));
}

/** Features in order of first appearance, so that sums are added up in one order only. */
function featuresOf(text: string): Map<string, { count: number; weight: number }> {
  const features = new Map<string, { count: number; weight: number }>();
  const add = (feature: string, weight: number) => {
    const known = features.get(feature);
    if (known) known.count++;
    else features.set(feature, { count: 1, weight });
  };
  for (const [word] of text
    .normalize("NFKC")
    .toLowerCase()
    .matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    const letters = [...word];
    // Short words are mostly grammar: at full weight two texts would be alike because both are English.
    add(word, letters.length < GRAM ? WORD.short : WORD.long);
    const padded = [" ", ...letters, " "];
    if (letters.length < GRAM) continue;
    for (let at = 0; at + GRAM <= padded.length; at++) add(`#${padded.slice(at, at + GRAM).join("")}`, GRAM_WEIGHT);
  }
  return features;
}

/** FNV-1a over UTF-16 code units, then mixed, because FNV alone leaves its low bits regular. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < feature.length; at++) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
