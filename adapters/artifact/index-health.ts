import type { SqlClient } from "../clients/sql.ts";

/** What keeps the index, for people. */
export async function indexHealth(client: SqlClient): Promise<string> {
  const text = "select current_setting('server_version') as server, 'agents.artifacts'::regclass::text as it";
  const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
  return `PostgreSQL ${String(rows?.[0]?.server).split(" ")[0]}`;
}
