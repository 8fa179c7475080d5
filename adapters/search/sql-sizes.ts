import { Beliefs, remembered } from "../beliefs.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import { byKey } from "./sql-index.ts";

/** Counting stops here: reading the index's whole list of a tenant's rows beside each search costs nothing worth mentioning up to it. */
const MANY = 20_000;
/** From this share of all rows on, other tenants' rows are too few to be kept out by that list. */
const LARGE = 0.25;

/** Knows of which tenants the index need not be asked for their rows alone, as most of what it has is theirs. */
export class Sizes {
  readonly #client: AccountClient;
  readonly #beliefs = new Beliefs<Promise<unknown>>();

  constructor(client: AccountClient) {
    this.#client = client;
  }

  narrow(tenant: string): Promise<boolean> {
    return remembered(this.#beliefs, tenant, () => this.#look(tenant));
  }

  async #look(tenant: string): Promise<boolean> {
    const text = `select (select count(*) from (select from agents.search_documents limit ${MANY}) few)::int4 as mine,
        (select greatest(reltuples, 0) from pg_class where oid = 'agents.search_documents'::regclass)::float8 as all`;
    const work = { tenant, repeatable: true, settings: byKey };
    const [rows] = await this.#client.run({ ...work, statements: [{ text, values: [] }] });
    const { mine, all } = (rows?.[0] ?? {}) as { mine: number; all: number };
    if (mine < MANY) return true;
    const sample = `select count(*)::float8 as n from agents.search_documents tablesample system (1)`;
    const [sampled] = await this.#client.run({ ...work, statements: [{ text: sample, values: [] }] });
    return Number(sampled?.[0]?.n) * 100 < LARGE * all;
  }
}
