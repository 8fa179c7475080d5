import { randomUUID } from "node:crypto";
import { textArray } from "../clients/binary.ts";
import type { Row, Statement, Value, Work } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import type { Kept } from "./backend.ts";
import { findSql, INFO, keptOf } from "./index-query.ts";
import type { CheckedFind } from "./validate.ts";

/** What the index says of one path. */
export interface IndexRow {
  path: string;
  state: string;
  version: string | null;
  /** When a call that has not ended announced its change. */
  announcedAt: Date | null;
}

/** Rows that are read at a time. */
const PAGE = 5_000;

/** The table `agents.artifacts`. */
export class IndexTable {
  readonly #client: AccountClient;

  constructor(client: AccountClient) {
    this.#client = client;
  }

  /** Says that these paths are about to change; resolves to the token of this announcement. */
  async announce(tenant: string, paths: readonly string[], state: "writing" | "deleting"): Promise<string> {
    const token = randomUUID();
    // In order, so that two calls never wait for each other's rows.
    await this.#run(tenant, {
      text: `insert into agents.artifacts (tenant_id, path, state, intent, intended_at)
          select $1, p, $2, $3, now() from unnest($4::text[]) p order by p collate "C"
        on conflict (tenant_id, path) do update set state = excluded.state, intent = excluded.intent, intended_at = excluded.intended_at`,
      values: [tenant, state, token, textArray([...new Set(paths)])],
    });
    return token;
  }

  /** Writes what was announced; false, and nothing is written, where another call announced something since. */
  async stored(tenant: string, kept: Kept, token: string): Promise<boolean> {
    const rows = await this.#run(tenant, {
      text: `update agents.artifacts set state = 'stored', intent = null, intended_at = null, version = $4, size = $5, sha256 = decode($6, 'hex'),
          content_type = $7, run_id = $8, metadata = $9::jsonb, modified_at = $10::timestamptz
        where tenant_id = $1 and path = $2 and intent = $3 returning 1`,
      values: [tenant, kept.path, token, ...columns(kept)],
    });
    return rows.length > 0;
  }

  /** Drops the rows of paths whose deletion was announced; resolves to those that another call announced something for since. */
  async removed(tenant: string, paths: readonly string[], token: string): Promise<string[]> {
    const rows = await this.#run(tenant, {
      text: "delete from agents.artifacts where tenant_id = $1 and path = any($2::text[]) and intent = $3 returning path",
      values: [tenant, textArray(paths), token],
    });
    const gone = new Set(rows.map(({ path }) => path));
    return paths.filter((path) => !gone.has(path));
  }

  /** Writes the truth; with a token, only where no other call announced something since. */
  async settle(tenant: string, path: string, kept: Kept | undefined, token?: string): Promise<void> {
    const mine = token === undefined ? "" : "and a.intent = $3";
    await this.#run(tenant, kept ? upsert(tenant, kept, mine, token) : drop(tenant, path, mine, token));
  }

  /** Writes the truth, unless a call that is younger than `before` is under way; counts the rows that it changed. */
  async correct(tenant: string, path: string, kept: Kept | undefined, before: Date): Promise<number> {
    const old = "and (a.intended_at is null or a.intended_at < $3::timestamptz)";
    const at = before.toISOString();
    return (await this.#run(tenant, kept ? upsert(tenant, kept, old, at) : drop(tenant, path, old, at))).length;
  }

  async *rows(tenant: string): AsyncGenerator<IndexRow> {
    for (let after = ""; ; ) {
      const rows = await this.#run(tenant, {
        text: `select path, state, version, extract(epoch from intended_at)::float8 * 1000 as announced from agents.artifacts
          where tenant_id = $1 and path > $2 order by path limit ${PAGE}`,
        values: [tenant, after],
      });
      for (const { path, state, version, announced } of rows) {
        const announcedAt = announced === null ? null : new Date(Number(announced));
        yield { path: String(path), state: String(state), version: version as string | null, announcedAt };
      }
      if (rows.length < PAGE) return;
      after = String(rows.at(-1)?.path);
    }
  }

  async find(tenant: string, query: CheckedFind): Promise<Kept[]> {
    return (await this.#run(tenant, findSql(tenant, query))).map(keptOf);
  }

  async tenants(): Promise<string[]> {
    const rows = await this.#run(null, {
      text: "select distinct tenant_id as tenant from agents.artifacts order by 1",
    });
    return rows.map(({ tenant }) => String(tenant));
  }

  async removeTenant(tenant: string): Promise<number> {
    const text = "delete from agents.artifacts where tenant_id = $1 returning 1";
    return (await this.#run(tenant, { text, values: [tenant] }, { timeout: 0 })).length;
  }

  /** Throws `StoreError` unless the database has the table and the account is the right one. */
  check(): Promise<void> {
    return this.#client.check();
  }

  /** All of these may be sent twice: an announcement is told by its token, and the rest says what is. */
  async #run(tenant: string | null, statement: Statement, more: Partial<Work> = {}): Promise<Row[]> {
    const [rows = []] = await this.#client.run({ tenant, repeatable: true, statements: [statement], ...more });
    return rows;
  }
}

const columns = (kept: Kept): Value[] => [
  kept.version,
  kept.size,
  kept.sha256,
  kept.contentType,
  kept.run,
  JSON.stringify(kept.metadata),
  kept.modifiedAt.toISOString(),
];

/** `condition` speaks of `a` and may use $3. */
function upsert(tenant: string, kept: Kept, condition: string, value?: Value): Statement {
  return {
    text: `insert into agents.artifacts as a (tenant_id, path, state, ${INFO})
        select $1, $2, 'stored', $4, $5, decode($6, 'hex'), $7, $8, $9::jsonb, $10::timestamptz where $3::text is null or true
      on conflict (tenant_id, path) do update set state = 'stored', intent = null, intended_at = null, version = excluded.version, size = excluded.size,
        sha256 = excluded.sha256, content_type = excluded.content_type, run_id = excluded.run_id, metadata = excluded.metadata, modified_at = excluded.modified_at
        where true ${condition} returning 1`,
    values: [tenant, kept.path, value ?? null, ...columns(kept)],
  };
}

function drop(tenant: string, path: string, condition: string, value?: Value): Statement {
  return {
    text: `delete from agents.artifacts a where a.tenant_id = $1 and a.path = $2 and ($3::text is null or true) ${condition} returning 1`,
    values: [tenant, path, value ?? null],
  };
}
