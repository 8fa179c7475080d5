import type { Metadata } from "../../adapters/input.ts";
import type { Chunk, EmbeddingSpace } from "../../adapters/vector/contract.ts";

export const space: EmbeddingSpace = { provider: "test", model: "four", dimensions: 4, normalised: false };

/** A chunk with what a test does not care about filled in. */
export function chunk(id: string, vector: readonly number[], more: Partial<Chunk> = {}): Chunk {
  return { id, document: `doc-${id}`, text: `text of ${id}`, position: 0, vector, space, ...more };
}

export function tagged(id: string, metadata: Metadata): Chunk {
  return chunk(id, [1, 0, 0, 0], { metadata });
}

/** The same numbers in every run. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Vectors in clusters, as embeddings are: uniform ones have no near neighbours to find. */
export function clustered(dimensions: number, clusters: number, seed: number): () => Float32Array {
  const next = random(seed);
  const normal = () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
  const centres = Array.from({ length: clusters }, () => Array.from({ length: dimensions }, normal));
  return () => {
    const centre = centres[Math.floor(next() * clusters)] ?? [];
    return Float32Array.from(centre, (x) => x + 0.6 * normal());
  };
}

/** Cosine similarity in double precision. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += (a[i] as number) * (b[i] as number);
    aa += (a[i] as number) ** 2;
    bb += (b[i] as number) ** 2;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}
