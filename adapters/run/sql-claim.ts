import { textArray } from "../clients/binary.ts";
import type { Statement } from "../clients/sql.ts";
import { OUTSIDE, type Part, partSql } from "../runs.ts";
import { type CheckedClaim, USED_UP } from "./backend.ts";
import { COLUMNS, Values } from "./sql-rows.ts";

/**
 * Runs are taken in the order of an index. A planner that knows nothing of a new tenant yet, and believes it small, would read all of it instead, sort that, and find what was locked among it. So
 * nothing is sorted that need not be, and what was locked is found by its place, which costs no reading: it is in memory.
 */
export const IN_ORDER = { enable_sort: "off", enable_incremental_sort: "off", random_page_cost: "0" } as const;

/** Others may have locked so many before us while they claim. */
const SLACK = 32;
const ORDER = "priority desc, not_before";
/** The first part ends the walk over the index: what is leased lies among what is due, what is for later behind it. */
const DUE = "not_before <= now() and due_at <= now()";

/** Kinds as SQL; `one` when there is one, without a list all that are in no run, which have an index of their own. */
interface Kinds {
  list?: string;
  one: boolean;
}
const OF_NO_RUN = partSql("kind", OUTSIDE, String);

/** The next runs of a tenant, locked. `tenant` and `limit` are SQL. */
function dueSql(tenant: string, kinds: Kinds, limit: string): string {
  if (kinds.list === undefined || kinds.one) {
    const kind = kinds.list === undefined ? `and ${OF_NO_RUN}` : `and kind = (${kinds.list})[1]`;
    return `select ctid as place from agents.run_state where tenant_id = ${tenant} ${kind} and ${DUE}
      order by ${ORDER} limit ${limit} for update skip locked`;
  }
  // Each kind's first, then the first of those; locked one by one, since what is locked and not taken would be hidden from others.
  return `select locked.place from (
      select first.* from unnest(${kinds.list}) k cross join lateral (
        select ctid as place, priority, not_before from agents.run_state where tenant_id = ${tenant} and kind = k and ${DUE}
        order by ${ORDER} limit ${limit} + ${SLACK}) first
      order by ${ORDER} limit ${limit} + ${SLACK}) first
    cross join lateral (select ctid as place from agents.run_state r
      where r.ctid = first.place and r.tenant_id = ${tenant} and ${DUE} for update skip locked) locked
    limit ${limit}`;
}

/** Gives the runs of `due` to the worker, or ends those whose attempts are used up. */
const taken = (worker: string, leaseMs: string) => `taken as (
    update agents.run_state set
      status = case when attempt < max_attempts then 'running' else 'failed' end,
      attempt = case when attempt < max_attempts then attempt + 1 else attempt end,
      worker = case when attempt < max_attempts then ${worker} end,
      lease_until = case when attempt < max_attempts then now() + ${leaseMs}::float8 * interval '1 millisecond' end,
      token = case when attempt < max_attempts then greatest(token + 1, (extract(epoch from now()) * 1000000)::bigint) else token end,
      error = case when attempt < max_attempts then error else '${USED_UP}' end,
      finished_at = case when attempt < max_attempts then null else now() end,
      version = version + 1, updated_at = now()
    where ctid = any(array(select place from due))
    returning *)
  select ${COLUMNS} from taken order by tenant_id, ${ORDER}, run_id`;

function kindsOf(kinds: readonly string[] | null, { given }: Values): Kinds {
  return kinds ? { list: `${given(textArray(kinds))}::text[]`, one: kinds.length === 1 } : { one: false };
}

/** Every kind of a part that has something due now or later, found by one look into the index each. */
function kindsIn(tenant: string, part: Part, { given }: Values): Kinds {
  const next = (from: string) =>
    `select kind from agents.run_state where tenant_id = ${tenant} and ${from} and due_at is not null order by kind limit 1`;
  const [first, to] = [partSql("kind", part, given), given(part.to)];
  const list = `array(with recursive kinds (kind) as ((${next(first)})
    union all select n.kind from kinds k cross join lateral (${next(`kind > k.kind and kind < ${to}`)}) n) select kind from kinds)`;
  return { list, one: false };
}

export function claimSql(tenant: string, { kinds, part, worker, leaseMs, limit }: CheckedClaim): Statement {
  const values = new Values();
  const [its, who, time, most] = [tenant, worker, leaseMs, limit].map(values.given) as [string, string, string, string];
  const these = kinds === null && part?.inside ? kindsIn(its, part, values) : kindsOf(kinds, values);
  const due = dueSql(its, these, `${most}::int`);
  return { text: `with due as (${due}), ${taken(who, time)}`, values: values.all };
}

/** The next tenants that have something due, found by one look into the index each, and an equal share of the limit of each. */
export function claimAfterSql(tenant: string, { kinds, worker, leaseMs, limit }: CheckedClaim): Statement {
  const values = new Values();
  const [after, who, time, most] = [tenant, worker, leaseMs, limit].map(values.given) as [
    string,
    string,
    string,
    string,
  ];
  const these = kindsOf(kinds, values);
  const next = (from: string) => `select tenant_id from agents.run_state
    where tenant_id > ${from} and ${DUE} and ${these.list ? `kind = any(${these.list})` : OF_NO_RUN} order by tenant_id, ${these.list ? "kind, " : ""}${ORDER} limit 1`;
  const share = `greatest(1, ${most}::int / (select count(*) from tenants))`;
  return {
    text: `with recursive tenants (tenant_id, n) as (
        (select tenant_id, 1 from (${next(after)}) first)
        union all
        select next.tenant_id, n + 1 from tenants t cross join lateral (${next("t.tenant_id")}) next where n < ${most}::int
      ), due as (select its.place from tenants t cross join lateral (${dueSql("t.tenant_id", these, share)}) its),
      ${taken(who, time)}`,
    values: values.all,
  };
}
