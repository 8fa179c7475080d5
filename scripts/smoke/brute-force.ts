import type { Chunk } from "../../adapters/vector/contract.ts";

export interface Ranked {
  id: string;
  score: number;
}

type Vector = Float32Array | readonly number[];

/** Cosine similarity in double precision; 0 where either vector is zero. */
export function cosine(one: Vector, other: Vector): number {
  let dot = 0;
  let oneSquared = 0;
  let otherSquared = 0;
  for (let at = 0; at < one.length; at++) {
    const a = one[at] ?? 0;
    const b = other[at] ?? 0;
    dot += a * b;
    oneSquared += a * a;
    otherSquared += b * b;
  }
  return oneSquared === 0 || otherSquared === 0 ? 0 : dot / Math.sqrt(oneSquared * otherSquared);
}

/** All chunks by similarity, best first, equal scores by id: the right answer, got by comparing with every one. */
export function rank(vector: Vector, chunks: readonly Pick<Chunk, "id" | "vector">[]): Ranked[] {
  const ranked = chunks.map(({ id, vector: other }) => ({ id, score: cosine(vector, other) }));
  return ranked.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

/** Scores nearer than this may be in either order: stores compute in single precision. */
const ROUNDING = 1e-5;

/** What is wrong with a top-`topK` answer that should be exact, given all chunks that match in order; undefined when it is right. */
export function mismatch(found: readonly Ranked[], ranking: readonly Ranked[], topK: number): string | undefined {
  const expected = ranking.slice(0, topK);
  const truth = new Map(ranking.map(({ id, score }) => [id, score]));
  if (found.length !== expected.length) return `${found.length} hits where ${expected.length} match`;
  if (new Set(found.map(({ id }) => id)).size !== found.length) return "a chunk is in the answer twice";
  for (const [place, { id, score }] of found.entries()) {
    const right = expected[place] as Ranked;
    const real = truth.get(id);
    if (real === undefined) return `${id} is in the answer and does not match`;
    if (Math.abs(score - real) > ROUNDING) return `${id} has score ${score.toFixed(6)}; it is ${real.toFixed(6)}`;
    if (Math.abs(real - right.score) > ROUNDING)
      return `rank ${place + 1} is ${id} (${real.toFixed(6)}) where ${right.id} (${right.score.toFixed(6)}) is right`;
  }
  return undefined;
}

/** Share of the right top-`topK` answer that was found, 0 to 1. A chunk that ties with the last right one counts as right. */
export function recall(found: readonly Ranked[], ranking: readonly Ranked[], topK: number): number {
  const expected = ranking.slice(0, topK);
  const last = expected.at(-1);
  if (!last) return 1;
  const truth = new Map(ranking.map(({ id, score }) => [id, score]));
  const right = new Set(
    found.filter(({ id }) => (truth.get(id) ?? Number.NEGATIVE_INFINITY) >= last.score - ROUNDING).map(({ id }) => id),
  );
  return Math.min(1, right.size / expected.length);
}
