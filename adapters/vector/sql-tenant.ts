import type { Beliefs } from "../beliefs.ts";
import type { Row, SqlClient, Work } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import type { VectorCapabilities, VectorStore } from "./contract.ts";
import { type Held, heldSpaces } from "./spaces.ts";
import type { AccessPaths } from "./sql-access.ts";
import { type CheckedSpace, checkSpace } from "./validate.ts";

/** What all tenants' stores of one adapter share. */
export interface Shared {
  client: SqlClient;
  /** The client, as an account that policies bind. */
  account: AccountClient;
  can: VectorCapabilities;
  why: VectorStore["why"];
  /** From so many rows of a space on, the end of an upsert builds its approximate index. */
  indexFrom: number;
  paths: AccessPaths;
  /** By tenant: its spaces. A query that finds too little looks again. */
  held: Beliefs<Held>;
  /** Pairs of tenant and space that are known to be there. */
  ensured: Set<string>;
  /** By space: until when it needs no look at its index, and rows written since the last. */
  built: Map<string, { until: number; rows: number }>;
}

/** One tenant's way to the database, and what is remembered of it. */
export class SqlTenant {
  readonly shared: Shared;
  readonly tenant: string;

  constructor(shared: Shared, tenant: string) {
    this.shared = shared;
    this.tenant = tenant;
  }

  /** The tenant's spaces as they were less than a minute ago, if they were looked at. */
  known(): Held | undefined {
    return this.shared.held.get(this.tenant);
  }

  async spaces(): Promise<Held> {
    const { held } = this.shared;
    const [rows = []] = await this.run({
      repeatable: true,
      statements: [
        {
          text: `select embed_provider as provider, embed_model as model, embed_dim as dimensions, embed_norm as normalised,
              c.space_id as current, c.previous_id as previous
            from agents.spaces s left join agents.current_spaces c on true
            where exists (select from agents.chunk_vectors v where v.space_id = s.space_id) order by s.space_id`,
          values: [],
        },
      ],
    });
    const all = rows.map((row) => checkSpace(row as unknown as CheckedSpace));
    const marks = { current: null, previous: null, ...rows[0] } as Parameters<typeof heldSpaces>[1];
    const spaces = heldSpaces(all, marks);
    // Having none is not worth remembering: it ends with the first upsert, maybe in another process.
    if (all.length) held.set(this.tenant, spaces);
    else held.forget(this.tenant);
    return spaces;
  }

  /** Small writes change no order of magnitude: counting anew after each would cost every query that follows. */
  forget(rows: number): void {
    this.shared.held.forget(this.tenant);
    if (rows >= 1_000) this.shared.paths.forget(this.tenant);
  }

  run(work: Omit<Work, "tenant">): Promise<Row[][]> {
    return this.shared.account.run({ ...work, tenant: this.tenant });
  }
}
