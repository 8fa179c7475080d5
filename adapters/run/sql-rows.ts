import type { Row, Value } from "../clients/sql.ts";
import type { Json } from "../input.ts";
import { type KeptRun, PAGE_BYTES } from "./backend.ts";
import type { RunStatus } from "./contract.ts";

const micros = (column: string, as: string) => `(extract(epoch from ${column}) * 1000000)::float8 as ${as}`;

/** A row as a `KeptRun`; 2^53 microseconds are exact in a float8. */
export const COLUMNS = `tenant_id as tenant, run_id as id, kind, status, state, result, error, version::float8 as version, attempt,
  max_attempts as "maxAttempts", priority, ${micros("not_before", '"notBefore"')}, parent, worker, token::float8 as token,
  ${micros("lease_until", '"leaseUntil"')}, ${micros("created_at", '"createdAt"')}, ${micros("updated_at", '"updatedAt"')}, ${micros("finished_at", '"finishedAt"')}`;

const nullable = <T>(value: unknown) => value as T | null;

export const keptOf = (row: Row): KeptRun => ({
  tenant: String(row.tenant),
  id: String(row.id),
  kind: String(row.kind),
  status: row.status as RunStatus,
  state: row.state as Json,
  result: nullable<Json>(row.result),
  error: nullable<string>(row.error),
  version: Number(row.version),
  attempt: Number(row.attempt),
  maxAttempts: Number(row.maxAttempts),
  priority: Number(row.priority),
  notBefore: Number(row.notBefore),
  parent: nullable<string>(row.parent),
  worker: nullable<string>(row.worker),
  token: Number(row.token),
  leaseUntil: nullable<number>(row.leaseUntil),
  createdAt: Number(row.createdAt),
  updatedAt: Number(row.updatedAt),
  finishedAt: nullable<number>(row.finishedAt),
});

/** Up to `limit` rows in order, fewer when they are large; `found` says how many there were in the limit. */
export const pageSql = (where: string, order: string, limit: string) => `select ${COLUMNS}, found from (
    select r.*, count(*) over () as found,
      sum(octet_length(state::text) + coalesce(octet_length(result::text), 0)) over (order by ${order} rows between unbounded preceding and 1 preceding) as before
    from (select * from agents.run_state where ${where} order by ${order} limit ${limit}) r
  ) page where coalesce(before, 0) < ${PAGE_BYTES} order by ${order}`;

/** Parameters of a statement, numbered as they are named. */
export class Values {
  readonly all: Value[] = [];
  /** `$n` of a value. */
  readonly given = (value: Value): string => `$${this.all.push(value)}`;
}
