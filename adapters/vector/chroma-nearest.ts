import { setTimeout as sleep } from "node:timers/promises";
import { isMoving } from "../clients/chroma-errors.ts";
import type { ChromaPlace } from "./chroma-place.ts";
import { copyIn, direction, type Kept, type Names } from "./chroma-records.ts";
import { type Copy, type Found, parts } from "./copies.ts";
import type { CheckedSpace } from "./validate.ts";

/** Records of one message by their ids alone, and with vectors. */
const IDS = 1_000;
const PAGE = 500;
/** So many of the nearest come with their texts. */
const FEW = 64;
/** How often it is asked anew when records go meanwhile. */
const TRIES = 10;

interface Nearest {
  ids: string[][];
  distances: number[][] | null;
  metadatas: (Kept | null)[][] | null;
}

interface Asked {
  vector: Float32Array;
  limit: number;
  among: readonly string[] | null;
}

/** What the graph of a space finds. */
export async function nearest(
  place: ChromaPlace,
  space: CheckedSpace,
  names: Names,
  { vector, limit, among }: Asked,
): Promise<(Found & { copy?: Copy })[]> {
  const probe = Array.from(direction(vector));
  const whole = limit <= FEW;
  const include = whole ? ["distances", "metadatas"] : ["distances"];
  let ids = among;
  for (let tries = 1; ; tries++) {
    if (ids?.length === 0) return [];
    const body = { query_embeddings: [probe], n_results: limit, include, ...(ids && { ids }) };
    try {
      const answer = await place.ask<Nearest>(space.id, "query", body, { ids: [], distances: [], metadatas: null });
      return foundIn(answer, whole ? names : undefined);
    } catch (error) {
      // The server knows no vector of an id that is gone.
      if (!isMoving(error) || tries === TRIES) throw error;
      await sleep(10);
      if (among) ids = await there(place, space, among);
    }
  }
}

/** Compares with each of these that is there. */
export async function compare(
  place: ChromaPlace,
  space: CheckedSpace,
  vector: Float32Array,
  ids: readonly string[],
): Promise<Found[]> {
  const probe = direction(vector);
  const found: Found[] = [];
  for (const some of parts(ids, PAGE)) {
    const page = await place.get(space.id, { ids: some, include: ["embeddings"] });
    for (const [i, id] of page.ids.entries()) found.push({ id, score: product(probe, page.embeddings?.[i] ?? []) });
  }
  return found;
}

/** The distance is what the product of two vectors of length 1 lacks of 1. */
const foundIn = ({ ids: [ids = []], distances, metadatas }: Nearest, names: Names | undefined) =>
  ids.map((id, i): Found & { copy?: Copy } => {
    const kept = names && metadatas?.[0]?.[i];
    const score = inRange(1 - (distances?.[0]?.[i] ?? 1));
    return { id, score, ...(kept && { copy: copyIn(names, id, kept) }) };
  });

/** Those of some ids that are there. */
async function there(place: ChromaPlace, space: CheckedSpace, ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const some of parts(ids, IDS)) found.push(...(await place.get(space.id, { ids: some, include: [] })).ids);
  return found;
}

const inRange = (score: number) => Math.min(1, Math.max(-1, score));

function product(one: Float32Array, other: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += (one[i] as number) * (other[i] ?? 0);
  return inRange(sum);
}
