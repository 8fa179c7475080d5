import { StoreError } from "../errors.ts";
import type { Metadata } from "../input.ts";
import type { VectorHit, VectorPlan } from "./contract.ts";
import { chunksOf } from "./qdrant-filter.ts";
import { numbersOf, SHOWN, type Shown } from "./qdrant-points.ts";
import type { Counted, QdrantTenant } from "./qdrant-tenant.ts";
import { byRank } from "./ranking.ts";
import { chooseSpace, plainSpace } from "./spaces.ts";
import type { CheckedQuery, CheckedSpace } from "./validate.ts";

/** Of a tenant of up to so many chunks in a space all are compared: that is as quick as a walk through a graph, and exact. */
const EXACT_UP_TO = 2_000;
/** Candidates that a walk keeps, at least. */
const EF = 128;
/** By how much a float32 sum may be off. */
const ROUNDING = 1e-5;

/** The nearest chunks. Looks anew at the tenant's spaces where what is believed of them gives too little. */
export async function query(at: QdrantTenant, asked: CheckedQuery): Promise<VectorHit[]> {
  const believed = at.known();
  const held = believed ?? (await at.spaces());
  const hits = await answer(at, asked, held).catch((error) => {
    if (!believed || !(error instanceof StoreError) || error.code !== "invalid") throw error;
    return undefined;
  });
  if (hits && (!believed || hits.length === asked.topK)) return hits;
  return answer(at, asked, await at.spaces());
}

/** Where a filter leaves few, the server compares all of them; that it does is its own guess, so no promise. */
export async function explain(at: QdrantTenant, asked: CheckedQuery): Promise<VectorPlan> {
  const held = await at.spaces();
  const space = chooseSpace(held, asked);
  if (!space || isExact(asked, space, held))
    return { access: "exact", index: null, detail: "compares with every candidate" };
  const { qdrant } = at.shared;
  const { indexed_vectors_count: indexed = 0, status } = await qdrant.run((client, name) => client.getCollection(name));
  const detail = `${indexed} vectors of the collection are indexed; the collection is ${status}`;
  return indexed ? { access: "ann", index: "hnsw", detail } : { access: "exact", index: null, detail };
}

async function answer(at: QdrantTenant, asked: CheckedQuery, held: Counted): Promise<VectorHit[]> {
  const space = chooseSpace(held, asked);
  if (!space) return [];
  const exact = isExact(asked, space, held);
  let hits = await nearest(at, asked, space, exact);
  if (!exact && hits.length < asked.topK) hits = await nearest(at, asked, space, true);
  const found = hits.map(({ payload, score }) => ({ payload: payload as unknown as Shown, score: inRange(score) }));
  return found
    .map(({ payload: { hash, metadata, ...shown }, score }) => {
      return {
        ...shown,
        score,
        contentHash: hash,
        metadata: JSON.parse(metadata) as Metadata,
        space: plainSpace(space),
      };
    })
    .filter(({ score }) => score >= asked.minScore)
    .sort(byRank)
    .slice(0, asked.topK);
}

const inRange = (score: number) => Math.min(1, Math.max(-1, score));

/** Whether all candidates are compared: because that was asked, or there are few. */
const isExact = (asked: CheckedQuery, { id }: CheckedSpace, { counts }: Counted): boolean =>
  asked.exact || (counts.get(id) ?? 0) <= EXACT_UP_TO;

/**
 * The nearest points, and where all candidates are compared also those that tie with the last of them: which of them belong to the answer their ids decide.
 */
async function nearest(at: QdrantTenant, asked: CheckedQuery, space: CheckedSpace, exact: boolean) {
  const { topK, minScore } = asked;
  const ask = async (limit: number) => {
    const { points } = await at.shared.qdrant.run((client, name) =>
      client.query(name, {
        query: numbersOf(asked.vector),
        using: space.id,
        filter: chunksOf(at.tenant, asked.filter),
        limit,
        // A walk through the graph of a tenant finds little of what a filter leaves, unless it may step over what does not pass.
        params: exact
          ? { exact }
          : { hnsw_ef: Math.max(EF, 2 * topK), ...(asked.filter && { acorn: { enable: true } }) },
        with_payload: { include: [...SHOWN] },
        ...(minScore > -1 && { score_threshold: minScore - ROUNDING }),
      }),
    );
    return points;
  };
  if (!exact) return ask(topK);
  for (let limit = topK + 1; ; limit *= 8) {
    const points = await ask(limit);
    const last = points[topK - 1];
    if (points.length < limit || !last || (points.at(-1)?.score ?? 0) < last.score) return points;
  }
}
