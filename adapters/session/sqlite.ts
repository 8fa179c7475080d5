import { parseSqliteUrl, type SqliteClient } from "../clients/sqlite.ts";
import { sqliteFile } from "../clients/sqlite-file.ts";
import { checkTenant } from "../input.ts";
import type { OpenSession, SessionAdapter, SessionCapabilities } from "./contract.ts";
import { sqliteFleet } from "./sqlite-fleet.ts";
import { SESSION } from "./sqlite-schema.ts";
import { sqliteBackend } from "./sqlite-store.ts";
import { sessionStore } from "./store.ts";

/** The `session` role in a file of SQLite, for the processes of one machine. */
const open: OpenSession = (url) =>
  sqliteSession(
    sqliteFile(parseSqliteUrl(url), SESSION),
    { durable: true, shared: true },
    {},
    (version) => `SQLite ${version}`,
  );
export default open;

/** The role on any database of SQLite. */
export function sqliteSession(
  client: SqliteClient,
  can: SessionCapabilities,
  why: Partial<Record<keyof SessionCapabilities, string>>,
  name: (version: string) => string,
): SessionAdapter {
  return {
    tenant: (tenant) => sessionStore(sqliteBackend(client, checkTenant(tenant)), can, why),
    removeNames: (tenant, prefix) => sqliteBackend(client, checkTenant(tenant)).removeNames(prefix),
    fleet: sqliteFleet(client),
    async health() {
      const text = "select sqlite_version() as version";
      return name((await client.read((db) => db.first<{ version: string }>(text)))?.version ?? "");
    },
    close: () => client.close(),
  };
}
