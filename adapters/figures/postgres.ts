import { readFileSync } from "node:fs";
import { postgresClient } from "../clients/postgres.ts";
import type { Row, SqlClient } from "../clients/sql.ts";
import { messageOf, StoreError } from "../errors.ts";
import type { Figure, FigureTable, ReadFigures } from "./contract.ts";
import { load } from "./postgres-load.ts";
import type { Seen } from "./postgres-row.ts";
import { space } from "./postgres-space.ts";

const folder = new URL("../../sql/queries/", import.meta.url);

const show = { ...load, ...space } satisfies Record<string, (rows: Row[]) => Seen>;
type Query = keyof typeof show;

/**
 * As the administrator: others are not told what runs, and it gets in when every connection is taken. Each query stands for itself, and one that fails takes no other along.
 */
const read: ReadFigures = async ({ admin }, signal) => {
  const client = postgresClient(admin, { pool: 1, connectTimeout: 1_500, statementTimeout: 1_000 });
  const figures: Figure[] = [];
  const tables: FigureTable[] = [];
  try {
    const counts = await countsStatements(client);
    for (const query of Object.keys(show) as Query[]) {
      if (signal.aborted) {
        figures.push({ name: query, value: null, text: "not in time" });
        continue;
      }
      if (query === (counts ? "running-statements" : "slow-statements")) continue;
      try {
        const seen = show[query](await rowsOf(client, query));
        figures.push(seen.figure);
        if (seen.table?.rows.length) tables.push(seen.table);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code === "unavailable") throw error;
        figures.push({ name: query, value: null, text: "not known", note: messageOf(error) });
      }
    }
  } finally {
    await client.close();
  }
  return { figures, tables };
};
export default read;

/** Whether the server keeps statistics of statements. */
async function countsStatements(client: SqlClient): Promise<boolean> {
  const text = `select from pg_extension where extname = 'pg_stat_statements'
    and current_setting('shared_preload_libraries', true) ~ 'pg_stat_statements'`;
  const [rows = []] = await client.run({ tenant: null, statements: [{ text }] });
  return rows.length > 0;
}

const texts = new Map<Query, string>();

async function rowsOf(client: SqlClient, query: Query): Promise<Row[]> {
  const text = texts.get(query) ?? readFileSync(new URL(`${query}.sql`, folder), "utf8");
  texts.set(query, text);
  // The size of a table is told by waiting for it.
  const [rows = []] = await client.run({ tenant: null, statements: [{ text }], settings: { lock_timeout: "200" } });
  return rows;
}
