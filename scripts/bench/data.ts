import type { Chunk, EmbeddingSpace } from "../../adapters/vector/contract.ts";

export const DIMENSIONS = 384;
const CLUSTERS = 200;

/** Vectors in clusters, as embeddings are, the same in every run; uniform ones have no near neighbours to find. */
export function vectors(seed: number): () => Float32Array {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  const normal = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  const centres = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: DIMENSIONS }, normal));
  return () => {
    const centre = centres[Math.floor(next() * CLUSTERS)] as Float32Array;
    const out = new Float32Array(DIMENSIONS);
    let square = 0;
    for (let i = 0; i < DIMENSIONS; i++) {
      out[i] = (centre[i] as number) + 0.7 * normal();
      square += (out[i] as number) ** 2;
    }
    const length = Math.sqrt(square);
    for (let i = 0; i < DIMENSIONS; i++) out[i] = (out[i] as number) / length;
    return out;
  };
}

export type BenchChunk = Chunk & {
  vector: Float32Array;
  metadata: { tenth: number; hundredth: number; thousandth: number; kind: string };
};

/** Chunks of about 800 characters, 20 to a document; every second is a note, and `tenth`, `hundredth` and `thousandth` are spread evenly. */
export function chunks(count: number, space: EmbeddingSpace, next: () => Float32Array): BenchChunk[] {
  const text = "The quick brown fox jumps over the lazy dog, and the store keeps what it was given. ".repeat(10);
  return Array.from({ length: count }, (_, i) => ({
    id: `chunk-${String(i).padStart(6, "0")}`,
    document: `document-${Math.floor(i / 20)}`,
    uri: `file:document-${Math.floor(i / 20)}`,
    text: `${i} ${text}`,
    position: i % 20,
    metadata: { tenth: i % 10, hundredth: i % 100, thousandth: i % 1_000, kind: i % 2 ? "note" : "policy" },
    vector: next(),
    space,
  }));
}

/** Ids of the nearest, by comparing with every one. All vectors have length 1. */
export function nearest(
  among: readonly Pick<BenchChunk, "id" | "vector">[],
  probe: Float32Array,
  count: number,
): string[] {
  const best: { id: string; score: number }[] = [];
  for (const { id, vector } of among) {
    let score = 0;
    for (let i = 0; i < DIMENSIONS; i++) score += (vector[i] as number) * (probe[i] as number);
    if (best.length === count && score <= (best.at(-1)?.score ?? 0)) continue;
    const at = best.findIndex((one) => one.score < score);
    best.splice(at < 0 ? best.length : at, 0, { id, score });
    if (best.length > count) best.pop();
  }
  return best.map(({ id }) => id);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}
