import type { Statement, Value } from "../clients/sql.ts";
import { filterSql } from "./filter-sql.ts";
import { type Cover, OVERFLOW, type TagRange } from "./tags.ts";
import type { CheckedQuery, CheckedSpace } from "./validate.ts";

/** How a query is run. Each is a statement of its own: a plan that was cached for one path, or tenant, must not serve another. */
export type Access =
  /** Compares with every chunk of the tenant. */
  | { by: "tenant" }
  /** Compares with those that have a tag of the filter. */
  | { by: "tags"; cover: Cover }
  /**
   * Walks the approximate index: `efSearch` candidates at a time, until `fetch` of them pass; the best of those are the answer. `far`
   * lets it go beyond its usual limits.
   */
  | { by: "ann"; efSearch: number; fetch: number; far: boolean };

/**
 * Lookups go through an index, whatever the planner believes of a table's size: its statistics lag behind a load. As that leaves it nothing to
 * choose by the parameters, it need not plan anew for each.
 */
export const byIndex = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  max_parallel_workers_per_gather: "0",
  plan_cache_mode: "force_generic_plan",
};

/** Chunk ids in ranges of tags. Lateral, with an offset that the planner cannot see through, and not a join whose order it would choose. */
export const tagged = (first: number) =>
  `unnest($${first}::text[], $${first + 1}::text[]) r (lo, hi)
    cross join lateral (select t.tag, t.chunk_id from agents.chunk_tags t where t.tag between r.lo and r.hi offset 0) t`;

/** Parameters of `tagged`: the ranges, and where the chunks are that have too many tags to be in any. */
export function rangeValues(ranges: readonly TagRange[]): Value[] {
  const array = (items: string[]) => `{${items.map((item) => `"${item.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
  const all = [...ranges, [OVERFLOW, OVERFLOW] as const];
  return [array(all.map(([from]) => from)), array(all.map(([, to]) => to))];
}

/** The statement and settings of a query. Its rows are in the order of the path, which for `ann` is only nearly that of the scores. */
export function querySql(
  space: CheckedSpace,
  query: CheckedQuery,
  vector: Uint8Array,
  access: Access,
): { statement: Statement; settings: Record<string, string> } {
  const values: Value[] = [vector];
  const part = `agents.chunk_vectors_${space.id}`;
  const where = () => (query.filter ? `where ${filterSql(query.filter, "v.metadata", values)}` : "");
  // A zero vector has no angle (NaN) and scores 0.
  const distance = "coalesce(nullif(v.embedding <=> $1::vector, 'NaN'), 1)";
  const order = `order by distance, v.chunk_id limit ${query.topK}`;
  const columns = "v.chunk_id, v.metadata";
  let settings: Record<string, string> = {};
  let candidates: string;
  switch (access.by) {
    case "tenant":
      candidates = `select ${columns}, ${distance} as distance from ${part} v ${where()} ${order}`;
      break;
    case "tags": {
      const { ranges, overlapping, decides } = access.cover;
      values.push(...rangeValues(ranges));
      const from = overlapping ? `(select distinct on (t.chunk_id) t.* from ${tagged(2)}) t` : tagged(2);
      const filter = query.filter ? filterSql(query.filter, "v.metadata", values) : "true";
      const where = decides ? `(t.tag <> $${values.push(OVERFLOW)} or ${filter})` : filter;
      candidates = `select ${columns}, ${distance} as distance
        from ${from} cross join lateral (select * from ${part} v where v.chunk_id = t.chunk_id offset 0) v where ${where} ${order}`;
      settings = byIndex;
      break;
    }
    case "ann": {
      const indexed = `v.embedding::vector(${space.dimensions}) <=> $1::vector`;
      candidates = `select ${columns}, ${indexed} as distance from ${part} v ${where()} order by ${indexed} limit ${access.fetch}`;
      if (access.fetch > query.topK)
        candidates = `select * from (${candidates}) v order by distance limit ${query.topK}`;
      settings = {
        ...byIndex,
        enable_sort: "off",
        "hnsw.ef_search": String(access.efSearch),
        "hnsw.iterative_scan": "relaxed_order",
        ...(access.far && { "hnsw.max_scan_tuples": "200000", "hnsw.scan_mem_multiplier": "8" }),
      };
    }
  }
  const text = `/* ${access.by} */ with hits as materialized (${candidates})
    select h.chunk_id as id, 1 - h.distance as score, c.document_id as document, d.uri, c.text, c.position,
      encode(c.content_hash, 'hex') as hash, h.metadata
    from hits h
    cross join lateral (select * from agents.chunks c where c.chunk_id = h.chunk_id offset 0) c
    left join lateral (select d.uri from agents.documents d where d.document_id = c.document_id offset 0) d on true`;
  return { statement: { text, values }, settings };
}
