import { vectorBytes } from "../clients/binary.ts";
import { type Row, sqlState, type Value } from "../clients/sql.ts";
import type { Metadata } from "../input.ts";
import type { VectorHit, VectorPlan, VectorQuery } from "./contract.ts";
import { type Filter, parseFilter } from "./filter.ts";
import { filterSql } from "./filter-sql.ts";
import { byRank } from "./ranking.ts";
import { chooseSpace, type Held, plainSpace } from "./spaces.ts";
import { type Access, querySql } from "./sql-query.ts";
import type { SqlTenant } from "./sql-tenant.ts";
import { type CheckedQuery, type CheckedSpace, checkQuery } from "./validate.ts";

/** Finds one tenant's chunks. */
export class SqlReader {
  readonly #at: SqlTenant;

  constructor(at: SqlTenant) {
    this.#at = at;
  }

  async query(query: VectorQuery): Promise<VectorHit[]> {
    const asked = checkQuery(query);
    const known = this.#at.known();
    const space = known && fitting(known, asked);
    if (space) {
      const hits = await this.#nearest(space, asked).catch(missing);
      if (hits.length > 0) return hits.filter((hit) => hit.score >= asked.minScore);
    }
    // No hits, or none possible, by a list of spaces that may be old: answer, or refuse, by a new one.
    const current = chooseSpace(await this.#at.spaces(), asked);
    if (!current) return [];
    const hits = await this.#nearest(current, asked);
    return hits.filter((hit) => hit.score >= asked.minScore);
  }

  async #nearest(space: CheckedSpace, asked: CheckedQuery): Promise<VectorHit[]> {
    const { paths } = this.#at.shared;
    const access = await paths.choose(this.#at.tenant, space, asked);
    const hits = await this.#search(space, asked, access);
    // The index leaves out zero vectors, which score 0 and so rank above anything negative.
    const short = hits.length < asked.topK || (hits.at(-1)?.score ?? 0) < 0;
    if (access.by !== "ann" || !short) return hits;
    paths.cameUpShort(this.#at.tenant, space, asked.filter);
    return this.#search(space, asked, { by: "tenant" });
  }

  async #search(space: CheckedSpace, asked: CheckedQuery, access: Access): Promise<VectorHit[]> {
    const { statement, settings } = querySql(space, asked, vectorBytes(asked.vector), access);
    const [rows = []] = await this.#at.run({ repeatable: true, settings, statements: [statement] });
    return rows.map((row) => hit(row, space)).sort(byRank);
  }

  async explain(query: VectorQuery): Promise<VectorPlan> {
    const asked = checkQuery(query);
    const space = chooseSpace(await this.#at.spaces(), asked);
    if (!space) return { access: "exact", index: null, detail: "the tenant has no chunks" };
    const access = await this.#at.shared.paths.choose(this.#at.tenant, space, asked);
    const { statement, settings } = querySql(space, asked, vectorBytes(asked.vector), access);
    const text = `explain (costs off) ${statement.text}`;
    const [rows = []] = await this.#at.run({
      repeatable: true,
      settings,
      statements: [{ text, values: statement.values ?? [] }],
    });
    const detail = rows.map((row) => String(row["QUERY PLAN"])).join("\n");
    const index = /Index Scan using (\S+_hnsw)/.exec(detail)?.[1] ?? null;
    return { access: index ? "ann" : "exact", index, detail };
  }

  async count(filter?: Filter): Promise<number> {
    const values: Value[] = [];
    const where = filter === undefined ? "" : `where ${filterSql(parseFilter(filter), "c.metadata", values)}`;
    const [rows] = await this.#at.run({
      repeatable: true,
      statements: [{ text: `select count(*)::float8 as n from agents.chunks c ${where}`, values }],
    });
    return Number(rows?.[0]?.n);
  }
}

/** A space whose table is gone has no hits; anything else that was thrown is thrown on. */
function missing(error: unknown): VectorHit[] {
  if (sqlState(error) === "42P01") return [];
  throw error;
}

/** The space of a query by a list that may be old; none where the list would refuse it. */
function fitting(known: Held, asked: CheckedQuery): CheckedSpace | null {
  try {
    return chooseSpace(known, asked);
  } catch {
    return null;
  }
}

function hit(row: Row, space: CheckedSpace): VectorHit {
  return {
    id: row.id as string,
    score: row.score as number,
    document: row.document as string,
    uri: row.uri as string | null,
    text: row.text as string,
    position: row.position as number,
    contentHash: row.hash as string,
    metadata: row.metadata as Metadata,
    space: plainSpace(space),
  };
}
