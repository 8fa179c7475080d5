import type { SQLInputValue } from "node:sqlite";
import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { OUTSIDE, type Part, partOf, partSql } from "../runs.ts";
import {
  BACKOFF,
  type CheckedChange,
  type CheckedClaim,
  type CheckedRun,
  type Ending,
  type KeptRun,
  type Micros,
  PAGE_BYTES,
  type RunBackend,
  type Taken,
  USED_UP,
} from "./backend.ts";
import type { RunStatus } from "./contract.ts";

let last = 0;
/** Microseconds since 1970, greater each time, since the clock itself counts milliseconds; the `count` from it on are not given again. A clock that was set back is followed. */
export function now(count = 1): Micros {
  const clock = Date.now() * 1_000;
  const first = clock > last || last - clock > 1_000_000 ? clock : last + 1;
  last = first + count - 1;
  return first;
}

const COLUMNS = `tenant, id, kind, status, state, result, error, version, attempt, max_attempts as maxAttempts, priority, not_before as notBefore, parent, worker, token,
  lease_until as leaseUntil, created_at as createdAt, updated_at as updatedAt, finished_at as finishedAt`;

type Row = Omit<KeptRun, "state" | "result"> & { state: string; result: string | null };
export const keptOf = ({ state, result, ...row }: Row): KeptRun => {
  const { found: _, ...run } = row as typeof row & { found?: number };
  return { ...run, state: JSON.parse(state), result: result === null ? null : JSON.parse(result) };
};

/** Up to `limit` rows in order, fewer when they are large; `found` says how many there were in the limit. */
export const pageSql = (where: string, order: string) => `select ${COLUMNS}, found from (
    select *, count(*) over () as found,
      sum(octet_length(state) + coalesce(octet_length(result), 0)) over (order by ${order} rows between unbounded preceding and 1 preceding) as before
    from (select * from run where ${where} order by ${order} limit ?)
  ) where coalesce(before, 0) < ${PAGE_BYTES} order by ${order}`;

const parameters = (values: SQLInputValue[]) => (value: string) => {
  values.push(value);
  return "?";
};

const find = (db: Statements, tenant: string, id: string) =>
  db.first<Row>(`select ${COLUMNS} from run where tenant = ? and id = ?`, tenant, id);

/** Kinds that have an index of their own. */
export const OF_NO_RUN = partSql("kind", OUTSIDE, String);

const HOLDS = "tenant = ? and id = ? and token = ? and lease_until is not null";

/** One tenant's rows in a database that `sqlite-schema.ts` describes. */
export function sqliteBackend(client: SqliteClient, tenant: string): RunBackend {
  return {
    create: (runs) =>
      client.write((db) => {
        const at = now(runs.length);
        return runs.map((run, i) => {
          const created = insert(db, tenant, run, at + i);
          return { kept: keptOf(find(db, tenant, run.id) as Row), created };
        });
      }),
    get: (id) =>
      client.read((db) => {
        const row = find(db, tenant, id);
        return row && keptOf(row);
      }),
    delete: (id) => client.write((db) => db.change("delete from run where tenant = ? and id = ?", tenant, id) === 1),
    update: (id, change, condition) =>
      client.write((db) => {
        const row = find(db, tenant, id);
        const holds =
          "lease" in condition
            ? row?.token === condition.lease && row.leaseUntil !== null
            : row?.version === condition.expectedVersion;
        return row && holds ? changeRow(db, row, change) : undefined;
      }),
    cancel: (id) =>
      client.write((db) => {
        const text = `update run set status = 'cancelled', worker = null, lease_until = null, version = version + 1, finished_at = ?1, updated_at = ?1
          where tenant = ?2 and id = ?3 and finished_at is null`;
        return db.change(text, now(), tenant, id) === 1;
      }),
    claim: (claim) => client.write((db) => take(db, now(), tenant, claim)),
    extend: (id, token, leaseMs) =>
      client.write((db) => {
        const until = now() + leaseMs * 1_000;
        return db.change(`update run set lease_until = ? where ${HOLDS}`, until, tenant, id, token) === 1;
      }),
    end: (id, token, ending) => client.write((db) => end(db, tenant, id, token, ending)),
    list: ({ status, kind, parent, part, limit, after }) =>
      client.read((db) => {
        const where = ["tenant = ?"];
        const values: SQLInputValue[] = [tenant];
        for (const [name, value] of Object.entries({ status, kind, parent }))
          if (value !== undefined) {
            where.push(`${name} = ?`);
            values.push(value);
          }
        if (part) where.push(partSql("id", part, parameters(values)));
        if (after) {
          where.push("(created_at, id) < (?, ?)");
          values.push(after.createdAt, after.id);
        }
        const text = pageSql(where.join(" and "), "created_at desc, id desc");
        const rows = db.all<Row & { found: number }>(text, ...values, limit + 1);
        const kept = rows.slice(0, limit).map(keptOf);
        return { kept, more: (rows[0]?.found ?? 0) > kept.length };
      }),
    counts: (part) =>
      client.read((db) => {
        const values: SQLInputValue[] = [tenant];
        const where = ["tenant = ?", ...(part ? [partSql("kind", part, parameters(values))] : [])].join(" and ");
        const text = `select kind, status, count(*) as count from run where ${where} group by kind, status order by kind, status`;
        return db.all<{ kind: string; status: RunStatus; count: number }>(text, ...values).map((row) => ({ ...row }));
      }),
    removeRun: (run) =>
      client.write((db) => {
        const { from, to } = partOf(run);
        return { runs: db.change("delete from run where tenant = ? and id >= ? and id < ?", tenant, from, to) };
      }),
  };
}

function insert(db: Statements, tenant: string, run: CheckedRun, at: Micros): boolean {
  const { id, kind, state, priority, notBefore, maxAttempts, parent } = run;
  const text = `insert into run (tenant, id, kind, status, state, version, attempt, max_attempts, priority, not_before, parent, token, created_at, updated_at)
    values (?, ?, ?, 'queued', ?, 1, 0, ?, ?, ?, ?, 0, ?, ?) on conflict do nothing`;
  const due = notBefore === null ? at : notBefore * 1_000;
  return db.change(text, tenant, id, kind, state, maxAttempts, priority, due, parent, at, at) === 1;
}

/** Its new version. */
function changeRow(db: Statements, row: Row, change: CheckedChange): number {
  const at = now();
  const status = change.status ?? row.status;
  const finished = status !== "queued" && status !== "running";
  const anew = status === "queued" && row.finishedAt !== null;
  const held = status === row.status;
  const text = `update run set state = ?, status = ?, result = ?, error = ?, priority = ?, not_before = ?, max_attempts = ?, attempt = ?, worker = ?,
    lease_until = ?, finished_at = ?, updated_at = ?, version = version + 1 where tenant = ? and id = ?`;
  db.change(
    text,
    change.state ?? row.state,
    status,
    change.result !== undefined ? change.result : anew ? null : row.result,
    change.error !== undefined ? change.error : anew ? null : row.error,
    change.priority ?? row.priority,
    change.notBefore === undefined ? row.notBefore : change.notBefore * 1_000,
    change.maxAttempts ?? row.maxAttempts,
    anew ? 0 : row.attempt,
    held ? row.worker : null,
    held ? row.leaseUntil : null,
    finished ? (row.finishedAt ?? at) : null,
    at,
    row.tenant,
    row.id,
  );
  return row.version + 1;
}

/** Gives due runs of a tenant to the worker, or ends those whose attempts are used up. */
export function take(
  db: Statements,
  at: Micros,
  tenant: string,
  { kinds, part, worker, leaseMs, limit }: CheckedClaim,
): Taken[] {
  return due(db, at, tenant, kinds ?? (part?.inside ? kindsIn(db, tenant, part) : null), limit).map((row) => {
    const again = row.attempt < row.maxAttempts;
    const text = `update run set status = ?, attempt = ?, worker = ?, lease_until = ?, token = ?, error = ?, finished_at = ?, updated_at = ?, version = version + 1
      where tenant = ? and id = ?`;
    db.change(
      text,
      again ? "running" : "failed",
      again ? row.attempt + 1 : row.attempt,
      again ? worker : null,
      again ? at + leaseMs * 1_000 : null,
      again ? Math.max(row.token + 1, at) : row.token,
      again ? row.error : USED_UP,
      again ? null : at,
      at,
      tenant,
      row.id,
    );
    return keptOf(find(db, tenant, row.id) as Row) as Taken;
  });
}

/** Every kind of a part that has something due now or later, found by one look into the index each. */
function kindsIn(db: Statements, tenant: string, { from, to }: Part): string[] {
  const next = (condition: string, after: string) => {
    const text = `select kind from run where tenant = ? and kind ${condition} ? and kind < ? and due is not null order by kind limit 1`;
    return db.first<{ kind: string }>(text, tenant, after, to)?.kind;
  };
  const kinds: string[] = [];
  for (let kind = next(">=", from); kind !== undefined; kind = next(">", kind)) kinds.push(kind);
  return kinds;
}

type Due = Pick<Row, "id" | "priority" | "attempt" | "maxAttempts" | "token" | "error" | "notBefore">;

/** In order; kinds null for all that are in no run. Each kind is asked for by itself, so that none is walked over for another. */
function due(db: Statements, at: Micros, tenant: string, kinds: readonly string[] | null, limit: number): Due[] {
  const ask = (kind: string, ...values: SQLInputValue[]) =>
    db.all<Due>(
      `select id, priority, attempt, max_attempts as maxAttempts, token, error, not_before as notBefore from run where tenant = ? ${kind}
        and not_before <= ? and due <= ? order by priority desc, not_before limit ?`,
      tenant,
      ...values,
      at,
      at,
      limit,
    );
  if (!kinds) return ask(`and ${OF_NO_RUN}`);
  const all = kinds.flatMap((kind) => ask("and kind = ?", kind));
  if (kinds.length === 1) return all;
  return all.sort((one, other) => other.priority - one.priority || one.notBefore - other.notBefore).slice(0, limit);
}

function end(db: Statements, tenant: string, id: string, token: number, ending: Ending): RunStatus | undefined {
  const row = find(db, tenant, id);
  if (row?.token !== token || row.leaseUntil === null) return undefined;
  const at = now();
  const put = (status: RunStatus, set: string, ...values: SQLInputValue[]) => {
    const text = `update run set status = ?, ${set}, worker = null, lease_until = null, finished_at = ?, updated_at = ?, version = version + 1
      where tenant = ? and id = ?`;
    db.change(text, status, ...values, status === "queued" ? null : at, at, tenant, id);
    return status;
  };
  if (ending.as === "complete") return put("succeeded", "result = ?, error = null", ending.result);
  if (ending.as === "release") return put("queued", "attempt = attempt - 1");
  if (!ending.retry || row.attempt >= row.maxAttempts) return put("failed", "error = ?", ending.error);
  const delay = ending.delayMs ?? Math.min(BACKOFF.most, BACKOFF.first * 2 ** Math.min(row.attempt - 1, 30));
  return put("queued", "error = ?, not_before = ?", ending.error, at + delay * 1_000);
}
