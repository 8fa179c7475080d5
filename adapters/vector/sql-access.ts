import { Beliefs, remembered } from "../beliefs.ts";
import type { SqlClient } from "../clients/sql.ts";
import type { FilterNode } from "./filter.ts";
import { filterSql } from "./filter-sql.ts";
import { type Access, byIndex, rangeValues, tagged } from "./sql-query.ts";
import { type Cover, covers } from "./tags.ts";
import type { CheckedQuery, CheckedSpace } from "./validate.ts";

/*
 * Milliseconds, measured with 384 dimensions: what a candidate costs on each path. Only their relation matters here.
 */
const PER_ROW = 0.0008;
const PER_TAGGED = 0.005;
const PER_VISIT = 0.007;
const INDEX_START = 0.5;
/** An exact answer that takes no longer than this is not worth an approximation. */
const SOON = 3;
/** Beyond so many visits for an answer the index finds fewer of the true neighbours (0.95 of them at 500, 0.9 at 1,000): exact if that takes less than LATE. */
const SHARP = 400;
const LATE = 40;

/** Counting stops here. */
const MANY = 20_000;
const SAMPLE = 1_000;
/** Pages that are read to estimate how many rows a large tenant has. */
const PAGES = 2_000;

interface Profile {
  /** Rows of the tenant in the space; exact below MANY. */
  rows: number;
  /** Rows of all tenants in the space, as last analysed. */
  total: number;
  /** Whether the space has its approximate index. */
  index: boolean;
}

interface Narrowed {
  /** The narrowest way by tags. */
  cover: Cover | null;
  /** Candidates in it, at most MANY. */
  rows: number;
  /** Share of the tenant's rows for which the filter holds, rather too low than too high. */
  share: number;
}

/** Chooses how to run queries, from bounded counts that it remembers for a minute. */
export class AccessPaths {
  readonly #client: SqlClient;
  /** Being wrong costs time, never hits: a short approximate answer is replaced by an exact one. */
  readonly #beliefs = new Beliefs<Promise<unknown>>();

  constructor(client: SqlClient) {
    this.#client = client;
  }

  /** Forgets what is known of a tenant, after a write that may have changed its order of magnitude. */
  forget(tenant: string): void {
    this.#beliefs.forgetAll(`${tenant} `);
  }

  /** Remembers that the index did not yield enough for this filter, so that the next query goes straight to the exact scan. */
  cameUpShort(tenant: string, space: CheckedSpace, filter: FilterNode | null): void {
    void remembered(this.#beliefs, shortKey(tenant, space, filter), async () => true);
  }

  async choose(tenant: string, space: CheckedSpace, query: CheckedQuery): Promise<Access> {
    // No angle with a zero vector: every score is 0, which only the exact scan says.
    if (query.exact || query.vector.every((x) => x === 0)) return { by: "tenant" };
    const { filter, topK } = query;
    const profile = await remembered(this.#beliefs, `${tenant} ${space.id}`, () => this.#profile(tenant, space));
    const allRows = profile.rows * PER_ROW;
    if (allRows <= SOON) return { by: "tenant" };
    const narrowed =
      filter &&
      (await remembered(this.#beliefs, `${tenant} ${space.id} ${JSON.stringify(filter)}`, () =>
        this.#narrow(tenant, space, filter, profile.rows),
      ));
    const tagged = narrowed?.cover && narrowed.rows < MANY ? narrowed.rows * PER_TAGGED : Infinity;
    const exact: Access =
      narrowed?.cover && tagged < allRows ? { by: "tags", cover: narrowed.cover } : { by: "tenant" };
    const exactly = Math.min(tagged, allRows);
    if (exactly <= SOON || !profile.index || this.#beliefs.get(shortKey(tenant, space, filter))) return exact;
    // The index knows no tenants and no filters: it visits everyone's vectors until enough of them pass.
    const passing = (narrowed?.share ?? 1) * Math.min(1, profile.rows / Math.max(profile.total, 1));
    const visits = topK / Math.max(passing, 1e-6);
    // More than it must visit, the more so the further it goes: the nearest that pass are not the first that it meets.
    const efSearch = Math.round(Math.min(1_000, 100 + 1.5 * Math.max(0, visits - 100)));
    const fetch = visits > SHARP ? Math.min(3 * topK, 3_000) : topK;
    const approximately = INDEX_START + PER_VISIT * Math.max(efSearch, (visits * fetch) / topK);
    const far = (visits * fetch) / topK > 5_000;
    const sharp = visits <= SHARP || exactly > LATE;
    return sharp && approximately < exactly ? { by: "ann", efSearch, fetch, far } : exact;
  }

  async #profile(tenant: string, space: CheckedSpace): Promise<Profile> {
    const part = `agents.chunk_vectors_${space.id}`;
    const ask = async (text: string) =>
      (await this.#client.run({ tenant, repeatable: true, statements: [{ text, values: [] }] }))[0]?.[0];
    const found = (await ask(`select (select count(*) from (select from ${part} limit ${MANY}) few)::int4 as rows,
        greatest(c.reltuples, 0)::float8 as total, greatest(c.relpages, 1) as pages,
        coalesce((select i.indisvalid from pg_index i where i.indexrelid = to_regclass('${part}_hnsw')), false) as index
      from pg_class c where c.oid = '${part}'::regclass`)) as unknown as Profile & { pages: number };
    if (found.rows < MANY) return found;
    const percent = Math.min(100, (100 * PAGES) / found.pages);
    const sampled = await ask(
      `select count(*)::float8 as rows from ${part} tablesample system (${percent.toFixed(4)})`,
    );
    return { ...found, rows: Math.max(MANY, (Number(sampled?.rows) * 100) / percent) };
  }

  async #narrow(tenant: string, space: CheckedSpace, filter: FilterNode, all: number): Promise<Narrowed> {
    const ways = covers(filter);
    const values: (string | number | boolean | null | Uint8Array)[] = [];
    const condition = filterSql(filter, "metadata", values);
    const [sample = [], ...counts] = await this.#client.run({
      tenant,
      repeatable: true,
      settings: byIndex,
      statements: [
        {
          text: `select coalesce(avg(case when ${condition} then 1 else 0 end), 0)::float8 as share
            from (select metadata from agents.chunk_vectors_${space.id} limit ${SAMPLE}) sample`,
          values,
        },
        ...ways.map(({ ranges }) => ({
          text: `select count(*)::int4 as rows from (select from ${tagged(1)} limit ${MANY}) few`,
          values: rangeValues(ranges),
        })),
      ],
    });
    const rows = counts.map((one) => Number(one[0]?.rows));
    const best = rows.indexOf(Math.min(...rows));
    // The first rows need not be typical, and conditions need not be independent: the lower of both guesses costs less than the higher.
    const together = rows.reduce((share, one) => share * (one < MANY ? Math.min(1, one / all) : 1), 1);
    const share = Math.min(together, Math.max(Number(sample[0]?.share ?? 1), 0.5 / SAMPLE));
    return { cover: ways[best] ?? null, rows: rows[best] ?? MANY, share };
  }
}

const shortKey = (tenant: string, space: CheckedSpace, filter: FilterNode | null) =>
  `${tenant} ${space.id} short ${JSON.stringify(filter)}`;
