import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { type CheckedClaim, PAGE_RUNS, type RunFleetBackend } from "./backend.ts";
import { keptOf, now, OF_NO_RUN, pageSql, sqliteBackend, take } from "./sqlite-store.ts";

/** The acts across tenants on a database that `sqlite-schema.ts` describes. */
export function sqliteFleet(client: SqliteClient): RunFleetBackend {
  return {
    tenant: (tenant) => sqliteBackend(client, tenant),
    claimAfter: (tenant, claim) =>
      client.write((db) => {
        const at = now();
        const tenants = dueTenants(db, at, tenant, claim);
        const limit = Math.max(1, Math.floor(claim.limit / Math.max(tenants.length, 1)));
        return tenants.flatMap((one) => take(db, at, one, { ...claim, limit }));
      }),
    deleteTenant: (tenant) => client.write((db) => db.change("delete from run where tenant = ?", tenant)),
    tenants: () =>
      client.read((db) => {
        const text = "select tenant, count(*) as runs from run group by tenant order by tenant";
        return db.all<{ tenant: string; runs: number }>(text).map((row) => ({ ...row }));
      }),
    page: (tenant, after) =>
      client.read((db) => {
        const text = pageSql(`${tenant === undefined ? "" : "tenant = ?1 and"} (tenant, id) > (?1, ?2)`, "tenant, id");
        const values = [after?.tenant ?? tenant ?? "", after?.id ?? "", PAGE_RUNS];
        return db.all<Parameters<typeof keptOf>[0]>(text, ...values).map(keptOf);
      }),
    put: (runs) =>
      client.write((db) => {
        for (const run of runs) {
          const json = {
            state: JSON.stringify(run.state),
            result: run.result === null ? null : JSON.stringify(run.result),
          };
          const values = COLUMNS.map(([name]) => ({ ...run, ...json })[name]);
          db.change(PUT, ...values);
        }
      }),
    purge: (olderThanMs) =>
      client.write((db) => db.change("delete from run where finished_at < ?", now() - olderThanMs * 1_000)),
  };
}

/** The next tenants that have something due, found by one look into the index each. */
function dueTenants(db: Statements, at: number, after: string, { kinds, limit }: CheckedClaim): string[] {
  const of = kinds ? `kind in (${kinds.map(() => "?").join(", ")})` : OF_NO_RUN;
  const text = `select tenant from run where tenant > ? and not_before <= ? and due <= ? and ${of} order by tenant limit 1`;
  const tenants: string[] = [];
  while (tenants.length < limit) {
    const next = db.first<{ tenant: string }>(text, tenants.at(-1) ?? after, at, at, ...(kinds ?? []));
    if (!next) break;
    tenants.push(next.tenant);
  }
  return tenants;
}

/** Fields of a `KeptRun` and their columns. */
const COLUMNS = [
  ["tenant", "tenant"],
  ["id", "id"],
  ["kind", "kind"],
  ["status", "status"],
  ["state", "state"],
  ["result", "result"],
  ["error", "error"],
  ["version", "version"],
  ["attempt", "attempt"],
  ["maxAttempts", "max_attempts"],
  ["priority", "priority"],
  ["notBefore", "not_before"],
  ["parent", "parent"],
  ["worker", "worker"],
  ["token", "token"],
  ["leaseUntil", "lease_until"],
  ["createdAt", "created_at"],
  ["updatedAt", "updated_at"],
  ["finishedAt", "finished_at"],
] as const;
const PUT = `insert or replace into run (${COLUMNS.map(([, column]) => column).join(", ")}) values (${COLUMNS.map(() => "?").join(", ")})`;
