import { StoreError } from "../errors.ts";
import type { VectorHit, VectorPlan } from "./contract.ts";
import type { Copy, Found } from "./copies.ts";
import type { CopiesTenant, Counted } from "./copies-tenant.ts";
import { byRank } from "./ranking.ts";
import { chooseSpace, plainSpace } from "./spaces.ts";
import type { CheckedQuery, CheckedSpace } from "./validate.ts";

/** Of up to so many candidates all are compared: that is hardly slower than the nearest few by an approximate index. */
const EXACT_UP_TO = 500;
/** So many numbers of vectors are read sooner than an index finds the few that a filter leaves among many. */
const READ_UP_TO = 40_000;
/** Up to so many are asked for as they are; of more, the index is asked for twice as many, since it finds the last ones worst. */
const FEW = 64;

/** The nearest chunks. Looks anew at the tenant's spaces where what is believed of them gives too little. */
export async function query(at: CopiesTenant, asked: CheckedQuery): Promise<VectorHit[]> {
  const believed = at.known();
  const hits = await answer(at, asked, believed ?? (await at.spaces())).catch((error) => {
    if (!believed || !(error instanceof StoreError) || error.code !== "invalid") throw error;
    return undefined;
  });
  if (hits && (!believed || hits.length === asked.topK)) return hits;
  return answer(at, asked, await at.spaces());
}

export async function explain(at: CopiesTenant, asked: CheckedQuery): Promise<VectorPlan> {
  const held = await at.spaces();
  const space = chooseSpace(held, asked);
  const among = space && asked.filter ? await at.collections.ids(space, asked.filter) : null;
  if (!space || isExact(asked, space, held, among))
    return { access: "exact", index: null, detail: "compares with every candidate" };
  const of = among ? `${among.length} that the filter leaves of ` : "";
  return { access: "ann", index: "hnsw", detail: `walks the graph of ${of}${held.counts.get(space.id)} vectors` };
}

const isExact = (asked: CheckedQuery, { id }: CheckedSpace, { counts }: Counted, among: readonly string[] | null) =>
  asked.exact || (among ? among.length : (counts.get(id) ?? 0)) <= EXACT_UP_TO;

async function answer(at: CopiesTenant, asked: CheckedQuery, held: Counted): Promise<VectorHit[]> {
  const space = chooseSpace(held, asked);
  if (!space) return [];
  const among = asked.filter ? await at.collections.ids(space, asked.filter) : null;
  if (among?.length === 0) return [];
  const exact = isExact(asked, space, held, among);
  const few = exact ? undefined : await nearestFew(at, asked, space, among);
  return few ?? shown(at, asked, space, await nearestOfAll(at, asked, space, among));
}

/** What the approximate index finds; undefined where it comes up short. */
async function nearestFew(
  at: CopiesTenant,
  asked: CheckedQuery,
  space: CheckedSpace,
  among: readonly string[] | null,
): Promise<VectorHit[] | undefined> {
  const limit = asked.topK > FEW ? 2 * asked.topK : asked.topK;
  const found = await at.collections.nearest(space, asked.vector, limit, among);
  if (found.length < asked.topK) return undefined;
  return shown(at, asked, space, found);
}

/** Every candidate with its score. The index names them all, unless parts of its graph are out of reach: then they are compared here. */
async function nearestOfAll(
  at: CopiesTenant,
  asked: CheckedQuery,
  space: CheckedSpace,
  among: readonly string[] | null,
): Promise<Found[]> {
  const { collections } = at;
  if (among && among.length * space.dimensions <= READ_UP_TO) return collections.compare(space, asked.vector, among);
  const all = among?.length ?? (await collections.count(space));
  if (all === 0) return [];
  const found = await collections.nearest(space, asked.vector, all, among);
  if (found.length >= all) return found;
  return collections.compare(space, asked.vector, among ?? (await collections.ids(space, null)));
}

/** The best of what was found, as the contract shows them. */
async function shown(
  at: CopiesTenant,
  { topK, minScore }: CheckedQuery,
  space: CheckedSpace,
  found: readonly (Found & { copy?: Copy })[],
): Promise<VectorHit[]> {
  const best = found
    .filter(({ score }) => score >= minScore)
    .toSorted(byRank)
    .slice(0, topK);
  const bare = best.filter(({ copy }) => !copy).map(({ id }) => id);
  const read = new Map((await at.collections.read(space, bare)).map((copy) => [copy.id, copy]));
  return best.flatMap(({ id, score, copy = read.get(id) }) => {
    if (!copy) return []; // it went meanwhile
    const { hash, version: _, ...more } = copy;
    return [{ ...more, score, contentHash: hash, space: plainSpace(space) }];
  });
}
