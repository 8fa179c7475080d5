import type { EmbeddingSpace, Move, VectorStore } from "./contract.ts";

/** Neighbours that are compared. */
const NEIGHBOURS = 10;

/** How alike the answers are. */
export interface Comparison {
  /** Chunks that were asked for, each with its own vectors. */
  sampled: number;
  /** Share of the 10 nearest that both spaces agree on, mean. */
  overlap: number;
  /** Share of the 10 that are truly nearest in the new space which its usual answer has, mean. */
  recall: number;
  /** How the new space answers. */
  access: "exact" | "ann";
}

/** Asks both spaces for the neighbours of the same chunks, by the vectors these have there. */
export async function compare(vector: VectorStore, move: Move, count: number): Promise<Comparison | null> {
  const sampled = await vector.reindexing.sample(move, count);
  const neighbours = async (self: string, space: EmbeddingSpace, probe: Float32Array, exact = false) => {
    const hits = await vector.query({ vector: probe, space, topK: NEIGHBOURS + 1, exact });
    const others = hits.map(({ id }) => id).filter((id) => id !== self);
    return new Set(others.slice(0, NEIGHBOURS));
  };
  const shares: { overlap: number; recall: number }[] = [];
  for (const { id, from, to } of sampled) {
    const before = await neighbours(id, move.from, from);
    const usual = await neighbours(id, move.to, to);
    const exact = await neighbours(id, move.to, to, true);
    if (before.size > 0 && exact.size > 0) shares.push({ overlap: share(before, usual), recall: share(exact, usual) });
  }
  const [first] = sampled;
  if (!first || shares.length === 0) return null;
  const mean = (of: "overlap" | "recall") => shares.reduce((sum, one) => sum + one[of], 0) / shares.length;
  const { access } = await vector.explain({ vector: first.to, space: move.to, topK: NEIGHBOURS + 1 });
  return { sampled: shares.length, overlap: mean("overlap"), recall: mean("recall"), access };
}

/** How much of a set is in another one. */
const share = (of: ReadonlySet<string>, within: ReadonlySet<string>) =>
  [...of].filter((id) => within.has(id)).length / of.size;
