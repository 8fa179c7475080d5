import { parseSqliteUrl, type SqliteClient } from "../clients/sqlite.ts";
import { sqliteFile } from "../clients/sqlite-file.ts";
import { checkTenant } from "../input.ts";
import type { MemoryBackend } from "./backend.ts";
import type { MemoryAdapter, MemoryCapabilities, OpenMemory } from "./contract.ts";
import { memoryFleet } from "./fleet.ts";
import { sqliteFleet } from "./sqlite-fleet.ts";
import { MEMORY } from "./sqlite-schema.ts";
import { sqliteBackend } from "./sqlite-store.ts";
import { memoryStore } from "./store.ts";

/** The `memory` role in a file of SQLite, for the processes of one machine. */
const open: OpenMemory = (url) =>
  sqliteMemoryAdapter(
    sqliteFile(parseSqliteUrl(url), MEMORY),
    { durable: true, shared: true },
    {},
    (version) => `SQLite ${version}`,
  );
export default open;

/** The role on any database of SQLite. */
export function sqliteMemoryAdapter(
  client: SqliteClient,
  can: MemoryCapabilities,
  why: Partial<Record<keyof MemoryCapabilities, string>>,
  name: (version: string) => string,
): MemoryAdapter {
  const backend = (tenant: string) => sqliteBackend(client, checkTenant(tenant));
  const over = (backend: MemoryBackend) => memoryStore(backend, can, why);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: memoryFleet(sqliteFleet(client)),
    async health() {
      const text = "select sqlite_version() as version";
      return name((await client.read((db) => db.first<{ version: string }>(text)))?.version ?? "");
    },
    close: () => client.close(),
  };
}
