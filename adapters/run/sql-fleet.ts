import type { Row, Value, Work } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import { type KeptRun, PAGE_RUNS, type RunFleetBackend, type Taken } from "./backend.ts";
import { momentOf } from "./records.ts";
import { claimAfterSql, IN_ORDER } from "./sql-claim.ts";
import { keptOf, pageSql } from "./sql-rows.ts";
import { sqlBackend } from "./sql-store.ts";

/** Acts across tenants, by an account that policies do not bind. */
export function sqlFleet(account: AccountClient): RunFleetBackend {
  const rows = async (text: string, values: readonly Value[], more?: Partial<Work>): Promise<Row[]> =>
    (await account.run({ tenant: null, timeout: 0, statements: [{ text, values }], ...more }))[0] ?? [];
  const count = async (text: string, values: readonly Value[]) =>
    Number(
      (await rows(`with gone as (${text} returning 1) select count(*)::float8 as n from gone`, values))[0]?.n ?? 0,
    );
  return {
    tenant: (tenant) => sqlBackend(account, tenant),
    async claimAfter(tenant, claim) {
      const { text, values = [] } = claimAfterSql(tenant, claim);
      return (await rows(text, values, { settings: IN_ORDER, timeout: undefined })).map(keptOf) as Taken[];
    },
    deleteTenant: (tenant) => count("delete from agents.run_state where tenant_id = $1", [tenant]),
    async tenants() {
      const text = "select tenant_id as tenant, count(*)::float8 as runs from agents.run_state group by 1 order by 1";
      const found = await rows(text, [], { repeatable: true });
      return found.map(({ tenant, runs }) => ({ tenant: String(tenant), runs: Number(runs) }));
    },
    async page(tenant, after) {
      const values: Value[] = [PAGE_RUNS, after?.tenant ?? tenant ?? "", after?.id ?? ""];
      const one = tenant === undefined ? "" : "tenant_id = $2 and";
      const text = pageSql(`${one} (tenant_id, run_id) > ($2, $3)`, "tenant_id, run_id", "$1::int");
      return (await rows(text, values, { repeatable: true })).map(keptOf);
    },
    async put(runs) {
      await rows(PUT, [JSON.stringify(runs.map(forSql))], { repeatable: true });
    },
    purge: (olderThanMs) =>
      count("delete from agents.run_state where finished_at < now() - $1::float8 * interval '1 millisecond'", [
        olderThanMs,
      ]),
  };
}

const moment = (micros: number | null) => (micros === null ? null : momentOf(micros));
const forSql = ({ maxAttempts, notBefore, leaseUntil, createdAt, updatedAt, finishedAt, ...run }: KeptRun) => ({
  ...run,
  max_attempts: maxAttempts,
  not_before: moment(notBefore),
  lease_until: moment(leaseUntil),
  created_at: moment(createdAt),
  updated_at: moment(updatedAt),
  finished_at: moment(finishedAt),
});

const COLUMNS =
  "kind, status, state, result, error, version, attempt, max_attempts, priority, not_before, parent, worker, token, lease_until, created_at, updated_at, finished_at".split(
    ", ",
  );
/** Within a record, JSON's null is SQL's: a result has no other, and a state is never without. */
const PUT = `insert into agents.run_state (tenant_id, run_id, ${COLUMNS.join(", ")})
  select tenant, id, ${COLUMNS.map((name) => (name === "state" ? "coalesce(state, 'null')" : name)).join(", ")}
  from json_to_recordset($1::json) as r (tenant text, id text, kind text, status text, state json, result json, error text, version bigint, attempt int, max_attempts int, priority int,
    not_before timestamptz, parent text, worker text, token bigint, lease_until timestamptz, created_at timestamptz, updated_at timestamptz, finished_at timestamptz)
  order by tenant collate "C", id collate "C"
  on conflict (tenant_id, run_id) do update set ${COLUMNS.map((name) => `${name} = excluded.${name}`).join(", ")}`;
