import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { checkTenant } from "../input.ts";
import type { SessionFleet } from "./contract.ts";
import { sqlitePortable } from "./sqlite-portable.ts";
import { sqliteRetaining } from "./sqlite-purge.ts";

/** Names by kind that are there, each with its tenant, for the moment that is the only parameter. */
const NAMES = {
  values: "select tenant, name from value where expires is null or expires > ?1",
  lists: "select tenant, name from list where expires is null or expires > ?1",
  counters: "select tenant, name from counter where expires is null or expires > ?1",
  buckets: "select tenant, name from bucket where expires > ?1",
  locks: "select tenant, name from lock",
  rankings: "select distinct tenant, ranking as name from score",
};
/** Tables, each with the column that has the name. */
const TABLES = {
  value: "name",
  list: "name",
  message: "list",
  counter: "name",
  bucket: "name",
  lock: "name",
  score: "ranking",
  publication: "channel",
};

/** The acts across tenants on a database that `sqlite-schema.ts` describes. */
export function sqliteFleet(client: SqliteClient): SessionFleet {
  return {
    ...sqlitePortable(client),
    deleteTenant: async (tenant) => client.write((db) => removeNames(db, checkTenant(tenant), "")),
    tenants: () =>
      client.read((db) => {
        const all = Object.values(NAMES).map((text) => `select tenant from (${text})`);
        const text = `select tenant, count(*) as keys from (${all.join(" union all ")}) where ?1 > 0 group by tenant order by tenant`;
        return db.all<{ tenant: string; keys: number }>(text, Date.now()).map((row) => ({ ...row }));
      }),
    ...sqliteRetaining(client),
  };
}

/** Removes a tenant's rows whose name begins with `prefix`; counts the names by kind. */
export function removeNames(db: Statements, tenant: string, prefix: string): Record<string, number> {
  const now = Date.now();
  const counts = Object.entries(NAMES).map(([kind, text]) => {
    const counted = `select count(*) as n from (${text}) where tenant = ?2 and ?1 > 0 and name >= ?3 and (?3 = '' or instr(name, ?3) = 1)`;
    return [kind, db.first<{ n: number }>(counted, now, tenant, prefix)?.n ?? 0];
  });
  for (const [table, name] of Object.entries(TABLES)) {
    const text = `delete from ${table} where tenant = ?1 and ${name} >= ?2 and (?2 = '' or instr(${name}, ?2) = 1)`;
    db.change(text, tenant, prefix);
  }
  return Object.fromEntries(counts);
}
