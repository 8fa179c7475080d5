import { parseSqliteUrl, type SqliteClient } from "../clients/sqlite.ts";
import { sqliteFile } from "../clients/sqlite-file.ts";
import { checkTenant } from "../input.ts";
import type { RunBackend } from "./backend.ts";
import type { OpenRun, RunAdapter, RunCapabilities, RunStore } from "./contract.ts";
import { runFleet } from "./fleet.ts";
import { sqliteFleet } from "./sqlite-fleet.ts";
import { RUN } from "./sqlite-schema.ts";
import { sqliteBackend } from "./sqlite-store.ts";
import { runStore } from "./store.ts";

/** The `run` role in a file of SQLite, for the processes of one machine. */
const open: OpenRun = (url) =>
  sqliteRun(
    sqliteFile(parseSqliteUrl(url), RUN),
    { durable: true, shared: true },
    {},
    (version) => `SQLite ${version}`,
  );
export default open;

/** The role on any database of SQLite. */
export function sqliteRun(
  client: SqliteClient,
  can: RunCapabilities,
  why: RunStore["why"],
  name: (version: string) => string,
): RunAdapter {
  const backend = (tenant: string) => sqliteBackend(client, checkTenant(tenant));
  const over = (backend: RunBackend) => runStore(backend, can, why);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: runFleet(sqliteFleet(client), can, why),
    async health() {
      const text = "select sqlite_version() as version";
      return name((await client.read((db) => db.first<{ version: string }>(text)))?.version ?? "");
    },
    close: () => client.close(),
  };
}
