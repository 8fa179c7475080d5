import { textArray } from "../clients/binary.ts";
import type { Row, SqlClient, Statement, Value, Work } from "../clients/sql.ts";
import { type AccountClient, asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import { partOf, partSql } from "../runs.ts";
import {
  BACKOFF,
  type CheckedChange,
  type CheckedList,
  type CheckedRun,
  type Ending,
  type KeptRun,
  type RunBackend,
} from "./backend.ts";
import type { RunAdapter, RunCapabilities, RunStatus, RunStore } from "./contract.ts";
import { runFleet } from "./fleet.ts";
import { momentOf } from "./records.ts";
import { claimSql, IN_ORDER } from "./sql-claim.ts";
import { sqlFleet } from "./sql-fleet.ts";
import { COLUMNS, keptOf, pageSql, Values } from "./sql-rows.ts";
import { runStore } from "./store.ts";

/** The `run` role over SQL, for any client that runs it. Closes the client when it is closed. */
export function sqlRunAdapter(client: SqlClient, can: RunCapabilities, why: RunStore["why"]): RunAdapter {
  const app = asAccount(client, "app", "agents.run_state");
  const backend = (tenant: string) => sqlBackend(app, checkTenant(tenant));
  const over = (backend: RunBackend) => runStore(backend, can, why);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: runFleet(sqlFleet(asAccount(client, "fleet", "agents.run_state")), can, why),
    async health() {
      const text = "select current_setting('server_version') as server, 'agents.run_state'::regclass::text as it";
      const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
      return `PostgreSQL ${String(rows?.[0]?.server).split(" ")[0]}`;
    },
    close: () => client.close(),
  };
}

/** Whoever has the newest token, as long as the run is in its hands. */
const HOLDS = "tenant_id = $1 and run_id = $2 and token = $3 and lease_until is not null";
const FREE = "worker = null, lease_until = null";
const CHANGED = "version = version + 1, updated_at = now()";

/** One tenant's rows of `agents.run_state`. Every statement names the tenant, so that the fleet's account, which no policy binds, may run it too. */
export function sqlBackend(account: AccountClient, tenant: string): RunBackend {
  const rows = async (text: string, values: readonly Value[], more?: Partial<Work>): Promise<Row[]> =>
    (await account.run({ tenant, statements: [{ text, values }], ...more }))[0] ?? [];
  return {
    async create(runs) {
      const all = new Map<string, { kept: KeptRun; created: boolean }>();
      const add = (found: readonly Row[], created: boolean) => {
        for (const row of found) all.set(String(row.id), { kept: keptOf(row), created });
      };
      // Again, when one that was there has been deleted before it could be read.
      for (let rest = runs; rest.length > 0; rest = runs.filter(({ id }) => !all.has(id))) {
        const { text, values } = insertSql(tenant, rest);
        add(await rows(text, values), true);
        const there = rest.filter(({ id }) => !all.has(id)).map(({ id }) => id);
        if (there.length > 0) add(await rows(BY_IDS, [tenant, textArray(there)]), false);
      }
      return runs.map(({ id }) => all.get(id) as { kept: KeptRun; created: boolean });
    },
    async get(id) {
      const text = `select ${COLUMNS} from agents.run_state where tenant_id = $1 and run_id = $2`;
      const [row] = await rows(text, [tenant, id], { repeatable: true });
      return row && keptOf(row);
    },
    async delete(id) {
      const text = "delete from agents.run_state where tenant_id = $1 and run_id = $2 returning 1 as gone";
      return (await rows(text, [tenant, id])).length > 0;
    },
    async update(id, change, condition) {
      const { text, values } = updateSql(tenant, id, change, condition);
      // What a token allows may be written twice.
      const [row] = await rows(text, values, { repeatable: "lease" in condition && change.status === undefined });
      return row && Number(row.version);
    },
    async cancel(id) {
      const text = `update agents.run_state set status = 'cancelled', finished_at = now(), ${FREE}, ${CHANGED}
        where tenant_id = $1 and run_id = $2 and finished_at is null returning 1 as done`;
      return (await rows(text, [tenant, id])).length > 0;
    },
    async claim(claim) {
      const { text, values = [] } = claimSql(tenant, claim);
      return (await rows(text, values, { settings: IN_ORDER })).map(keptOf) as Awaited<ReturnType<RunBackend["claim"]>>;
    },
    async extend(id, token, leaseMs) {
      const text = `update agents.run_state set lease_until = now() + $4::float8 * interval '1 millisecond' where ${HOLDS} returning 1 as held`;
      return (await rows(text, [tenant, id, token, leaseMs], { repeatable: true })).length > 0;
    },
    async end(id, token, ending) {
      const { set, values } = endSql(ending);
      const text = `update agents.run_state set ${set}, ${FREE}, ${CHANGED} where ${HOLDS} returning status`;
      const [row] = await rows(text, [tenant, id, token, ...values]);
      return row?.status as RunStatus | undefined;
    },
    async list(list) {
      const { text, values = [] } = listSql(tenant, list);
      // A plan for any kind and status is the wrong one for a rare one.
      const settings = { plan_cache_mode: "force_custom_plan" };
      const found = await rows(text, values, { repeatable: true, settings });
      return {
        kept: found.slice(0, list.limit).map(keptOf),
        more: Number(found[0]?.found ?? 0) > Math.min(found.length, list.limit),
      };
    },
    async counts(part) {
      const { all, given } = new Values();
      const where = [`tenant_id = ${given(tenant)}`, ...(part ? [partSql("kind", part, given)] : [])];
      const text = `select kind, status, count(*)::float8 as count from agents.run_state where ${where.join(" and ")}
        group by kind, status order by kind, status collate "C"`;
      const found = await rows(text, all, { repeatable: true });
      return found.map((row) => ({
        kind: String(row.kind),
        status: row.status as RunStatus,
        count: Number(row.count),
      }));
    },
    async removeRun(run) {
      const { from, to } = partOf(run);
      const text = `with gone as (delete from agents.run_state where tenant_id = $1 and run_id >= $2 and run_id < $3 returning 1)
        select count(*)::float8 as n from gone`;
      return {
        runs: Number((await rows(text, [tenant, from, to], { timeout: 0, settings: { enable_seqscan: "off" } }))[0]?.n),
      };
    },
  };
}

const INSERT = `insert into agents.run_state (tenant_id, run_id, kind, status, state, version, attempt, max_attempts, priority, not_before, parent, token, created_at, updated_at)`;
const INSERT_ONE = `${INSERT} values ($1, $2, $3, 'queued', $4::json, 1, 0, $5, $6, coalesce($7::timestamptz, now()), $8, 0, now(), now())
  on conflict do nothing returning ${COLUMNS}`;
const isoOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/**
 * In order of ids, so that two calls never wait for each other; one microsecond apart, so that the order given is that of their age, and up to now, so that all are due at once: an engine's clock may
 * tick in milliseconds.
 */
function insertSql(tenant: string, runs: readonly CheckedRun[]): { text: string; values: Value[] } {
  const [one, ...more] = runs;
  if (one && more.length === 0) {
    const { id, kind, state, maxAttempts, priority, notBefore, parent } = one;
    return { text: INSERT_ONE, values: [tenant, id, kind, state, maxAttempts, priority, isoOf(notBefore), parent] };
  }
  return {
    text: `${INSERT}
      select $1, r.id, r.kind, 'queued', coalesce(r.state, 'null'), 1, 0, r."maxAttempts", r.priority,
        coalesce(r."notBefore", now() + r.place * interval '1 microsecond'), r.parent, 0,
        now() + r.place * interval '1 microsecond', now() + r.place * interval '1 microsecond'
      from json_to_recordset($2::json) as r (id text, kind text, state json, "maxAttempts" int, priority int, "notBefore" timestamptz, parent text, place int)
      order by r.id collate "C" on conflict do nothing returning ${COLUMNS}`,
    values: [tenant, `[${runs.map((run, i) => rowSql(run, i + 1 - runs.length)).join()}]`],
  };
}

/** A run as JSON; `place` counts up to 0, the last. */
function rowSql({ state, notBefore, ...run }: CheckedRun, place: number): string {
  const rest = { ...run, notBefore: isoOf(notBefore), place };
  return `{"state":${state},${JSON.stringify(rest).slice(1)}`;
}

const BY_IDS = `select ${COLUMNS} from agents.run_state where tenant_id = $1 and run_id = any($2::text[])`;

function updateSql(
  tenant: string,
  id: string,
  change: CheckedChange,
  condition: { expectedVersion: number } | { lease: number },
): { text: string; values: Value[] } {
  const values = new Values();
  values.all.push(tenant, id, "lease" in condition ? condition.lease : condition.expectedVersion);
  const { state, status, result, error, priority, notBefore, maxAttempts } = change;
  const set = [CHANGED];
  if (state !== undefined) set.push(`state = ${values.given(state)}::json`);
  if (result !== undefined) set.push(`result = ${values.given(result)}::json`);
  if (error !== undefined) set.push(`error = ${values.given(error)}`);
  if (priority !== undefined) set.push(`priority = ${values.given(priority)}`);
  if (notBefore !== undefined) set.push(`not_before = ${values.given(isoOf(notBefore))}::timestamptz`);
  if (maxAttempts !== undefined) set.push(`max_attempts = ${values.given(maxAttempts)}`);
  if (status === "queued") {
    // A finished one starts anew.
    set.push("attempt = case when finished_at is null then attempt else 0 end");
    if (result === undefined) set.push("result = case when finished_at is null then result end");
    if (error === undefined) set.push("error = case when finished_at is null then error end");
  }
  if (status !== undefined) {
    const to = `${values.given(status)}::text`;
    set.push(
      `status = ${to}`,
      `worker = case when status = ${to} then worker end`,
      `lease_until = case when status = ${to} then lease_until end`,
      `finished_at = case when ${to} in ('succeeded', 'failed', 'cancelled') then coalesce(finished_at, now()) end`,
    );
  }
  const holds = "lease" in condition ? "token = $3 and lease_until is not null" : "version = $3";
  const text = `update agents.run_state set ${set.join(", ")} where tenant_id = $1 and run_id = $2 and ${holds} returning version`;
  return { text, values: values.all };
}

/** What an ending sets besides; its values are from $4 on. */
function endSql(ending: Ending): { set: string; values: Value[] } {
  switch (ending.as) {
    case "complete":
      return {
        set: "status = 'succeeded', result = $4::json, error = null, finished_at = now()",
        values: [ending.result],
      };
    case "release":
      return { set: "status = 'queued', attempt = attempt - 1", values: [] };
    case "fail": {
      const again = "$6::boolean and attempt < max_attempts";
      const backoff = `least(${BACKOFF.most}, ${BACKOFF.first} * 2 ^ least(attempt - 1, 30))`;
      return {
        set: `error = $4, status = case when ${again} then 'queued' else 'failed' end, finished_at = case when ${again} then null else now() end,
          not_before = case when ${again} then now() + coalesce($5::float8, ${backoff}) * interval '1 millisecond' else not_before end`,
        values: [ending.error, ending.delayMs, ending.retry],
      };
    }
  }
}

export function listSql(tenant: string, { status, kind, parent, part, limit, after }: CheckedList): Statement {
  const { all, given } = new Values();
  const where = [`tenant_id = ${given(tenant)}`];
  if (status !== undefined) where.push(`status = ${given(status)}`);
  if (kind !== undefined) where.push(`kind = ${given(kind)}`);
  if (parent !== undefined) where.push(`parent = ${given(parent)}`);
  if (part) where.push(partSql("run_id", part, given));
  if (after)
    where.push(`(created_at, run_id) < (${given(momentOf(after.createdAt))}::timestamptz, ${given(after.id)})`);
  const text = pageSql(where.join(" and "), "created_at desc, run_id desc", `${given(limit + 1)}::int`);
  return { text, values: all };
}
