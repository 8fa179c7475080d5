import { checkInteger, isPlain, type Metadata, refuse } from "./input.ts";
import type { SearchStore } from "./search/contract.ts";
import type { EmbeddingSpace, VectorStore } from "./vector/contract.ts";
import type { Filter } from "./vector/filter.ts";
import { byRank } from "./vector/ranking.ts";

export interface HybridQuery {
  /** What `search` is asked; see `SearchQuery`. */
  text: string;
  /** What `vector` is asked: the embedding of the same question. */
  vector: Float32Array | readonly number[];
  /** How many hits at most, 1 to 1,000. */
  topK: number;
  /** Only what it holds for, in both. */
  filter?: Filter;
  /** The space of `vector`; see `VectorQuery`. */
  space?: EmbeddingSpace;
  /** How much a rank in either counts, from 0; 0 leaves it unasked. @default 1 each */
  weights?: { search?: number; vector?: number };
}

export interface HybridHit {
  /** The id that chunk and entry share. */
  id: string;
  /** The sum over both of weight / (60 + rank). */
  score: number;
  /** Its place in either answer, from 1; null where it is not among those that were asked for. */
  ranks: { search: number | null; vector: number | null };
  document: string | null;
  text: string;
  /** The chunk's, or the entry's where only `search` has it. */
  metadata: Metadata;
}

export interface HybridAnswer {
  /** Best first; equal scores by id. */
  hits: HybridHit[];
  /** What `search` looked for instead of the text, if it mended a typo. */
  corrected?: string;
}

/** Of https://doi.org/10.1145/1571941.1572114, where it is shown to matter little. */
const K = 60;
/** So many of each are fused at least: what is second to neither may be among the best of both. */
const DEPTH = 50;

/**
 * What is found by words and by meaning: the answers of one tenant's `search` and `vector`, asked at once, by reciprocal rank fusion. Entry and chunk of
 * the same text have the same id. Throws what either throws, and `StoreError` code `invalid` for bad input.
 */
export async function hybrid(
  stores: { readonly search: SearchStore; readonly vector: VectorStore },
  query: HybridQuery,
): Promise<HybridAnswer> {
  if (!isPlain(query)) refuse("hybrid", "The query is no object.", "Write { text, vector, topK }.");
  const { text, vector, topK, filter, space, weights = {} } = query;
  const limit = Math.max(checkInteger("hybrid", topK, "topK", 1, 1_000), DEPTH);
  const by = { search: weight(weights, "search"), vector: weight(weights, "vector") };
  const [words, chunks] = await Promise.all([
    by.search > 0 ? stores.search.query({ text, limit, filter }) : { hits: [] },
    by.vector > 0 ? stores.vector.query({ vector, topK: limit, filter, space }) : [],
  ]);
  const fused = new Map<string, HybridHit>();
  for (const [who, hits] of [["vector", chunks] as const, ["search", words.hits] as const]) {
    for (const [at, { id, document, text, metadata }] of hits.entries()) {
      const ranks = { search: null, vector: null };
      const hit = fused.get(id) ?? { id, score: 0, ranks, document, text: text ?? "", metadata };
      hit.ranks[who] = at + 1;
      hit.score += by[who] / (K + at + 1);
      fused.set(id, hit);
    }
  }
  const hits = [...fused.values()].sort(byRank).slice(0, topK);
  return "corrected" in words ? { hits, corrected: words.corrected } : { hits };
}

function weight(weights: { search?: number; vector?: number }, of: "search" | "vector"): number {
  const given = weights[of] ?? 1;
  if (typeof given === "number" && given >= 0 && given <= 1e6) return given;
  return refuse("hybrid", `weights.${of} is ${String(given)}.`, "Use a number from 0 to 1,000,000.");
}
