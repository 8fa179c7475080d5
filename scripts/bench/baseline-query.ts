import { hash } from "node:crypto";
import type pg from "pg";
import { vectorBytes } from "../../adapters/clients/binary.ts";
import { tagsOf } from "../../adapters/vector/tags.ts";
import { DIMENSIONS, median } from "./data.ts";

/** Ids of the nearest. */
export type Search = (probe: Float32Array) => Promise<string[]>;

/** How an expert may have it answered: by comparing with all that have the filter's tag, or by the approximate index, told how many candidates to keep. */
type Way = { by: "tags"; plan: "auto" | "force_custom_plan" } | { by: "index"; plan: "auto"; efSearch: number };

interface Asked {
  tenant: string;
  /** Id of the space. */
  space: string;
  filter?: Record<string, number | string> | undefined;
  topK: number;
}

/** Least share of the true neighbours that an answer must have. */
export const RECALL = 0.95;
const CANDIDATES = [40, 100, 200, 400];
/** A way is looked at for so many queries, or so many milliseconds if they are slow. The first ones prepare it. */
const LOOKS = 15;
const LOOK_MS = 1_500;

/** The fastest way that finds enough, tried on probes of which the true neighbours are known; where none does, that which finds most. */
export async function bestByHand(client: pg.Client, asked: Asked, probes: Float32Array[], truth: string[][]) {
  const ways: Way[] = CANDIDATES.map((efSearch) => ({ by: "index", plan: "auto", efSearch }));
  if (asked.filter) ways.push({ by: "tags", plan: "auto" }, { by: "tags", plan: "force_custom_plan" });
  const looks = [];
  for (const way of ways) looks.push({ way, ms: await look(await prepared(client, asked, way), probes) });
  let best: { recall: number; way: Way } | undefined;
  for (const { way } of looks.sort((a, b) => a.ms - b.ms)) {
    const recall = await recallOf(await prepared(client, asked, way), probes, truth);
    if (!best || recall > best.recall) best = { recall, way };
    if (best.recall >= RECALL) break;
  }
  const { way } = best as { way: Way };
  return { by: way.by === "tags" ? "tags" : `index, ef ${way.efSearch}`, search: await prepared(client, asked, way) };
}

/** A way's statement, after the session was told how to plan it and how far to look. */
async function prepared(client: pg.Client, asked: Asked, way: Way): Promise<Search> {
  const efSearch = way.by === "index" ? way.efSearch : 40;
  await client.query(`set plan_cache_mode = ${way.plan}`);
  await client.query(`set hnsw.ef_search = ${efSearch}; set hnsw.iterative_scan = relaxed_order`);
  return baselineQuery(client, asked, way);
}

/** Bare, with the same tenant transaction in one round trip and the same columns as ours. Each way to each filter has a plan of its own. */
function baselineQuery(client: pg.Client, { tenant, space, filter, topK }: Asked, way: Way): Search {
  const by = way.by === "index" && filter ? "filter" : way.by;
  const name = `baseline-${hash("sha256", JSON.stringify([space, filter, way])).slice(0, 16)}`;
  const part = `agents.chunk_vectors_${space}`;
  const distance = `v.embedding::vector(${DIMENSIONS}) <=> $1::vector`;
  const candidates = {
    index: `select v.chunk_id, v.metadata, ${distance} as distance from ${part} v order by ${distance} limit ${topK}`,
    filter: `select v.chunk_id, v.metadata, ${distance} as distance from ${part} v where v.metadata @> $2::jsonb order by ${distance} limit ${topK}`,
    tags: `select v.chunk_id, v.metadata, v.embedding <=> $1::vector as distance
      from agents.chunk_tags t join ${part} v on v.chunk_id = t.chunk_id where t.tag = $2 order by distance limit ${topK}`,
  }[by];
  const text = `with hits as materialized (${candidates})
    select h.chunk_id, 1 - h.distance as score, c.document_id, d.uri, c.text, c.position, c.content_hash, h.metadata
    from hits h join agents.chunks c on c.chunk_id = h.chunk_id join agents.documents d on d.document_id = c.document_id order by h.distance`;
  const second = { index: [], filter: [JSON.stringify(filter)], tags: [tagsOf(filter ?? {})[0]] }[by];
  return async (vector) => {
    const values = [vectorBytes(vector), ...second];
    const [, , hits] = await Promise.all([
      client.query("begin"),
      client.query({ name: "tenant", text: "select set_config('app.tenant', $1, true)", values: [tenant] }),
      client.query({ name, text, values }),
      client.query("commit"),
    ]);
    return hits.rows.map((row) => row.chunk_id as string);
  };
}

/** Milliseconds, the median. */
async function look(search: Search, probes: Float32Array[]): Promise<number> {
  const times: number[] = [];
  const began = performance.now();
  for (const probe of probes.slice(0, LOOKS)) {
    const started = performance.now();
    await search(probe);
    times.push(performance.now() - started);
    if (performance.now() - began > LOOK_MS) break;
  }
  return median(times.slice(times.length >> 1));
}

async function recallOf(search: Search, probes: Float32Array[], truth: string[][]): Promise<number> {
  let [found, wanted] = [0, 0];
  for (const [i, right] of truth.entries()) {
    const ids = await search(probes[i] as Float32Array);
    found += ids.filter((id) => right.includes(id)).length;
    wanted += right.length;
  }
  return found / wanted;
}
