import { jsonbArray, textArray } from "../clients/binary.ts";
import type { Row, Statement, Value } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import type { KeptChange, KeptFact } from "./backend.ts";
import type { FleetBackend } from "./fleet.ts";
import { type Lasting, momentOf, wordsOfFact } from "./snapshot.ts";
import { lockKeys, lockTenant, removeWords } from "./sql-put.ts";
import { are, byIndex, byPlace, changeOf, EVENT, FACT, factOf, micros, THERE } from "./sql-row.ts";

/** Rows that are read, or facts that are removed, at a time: a value may have 256 KiB, and other writers wait. */
const PAGE = 200;
const LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const lastingOf = (row: Row): Lasting => ({ ...factOf(row), deleted: row.deleted as number | null });
type Item<T> = T | null | undefined;
const text = (items: readonly Item<string | number>[]) =>
  textArray(items.map((one) => (one === null || one === undefined ? null : String(one))));
const moments = (items: readonly Item<number>[]) =>
  text(items.map((one) => (one === null || one === undefined ? null : momentOf(one))));

/** The acts across tenants, by an account that policies do not bind. */
export function sqlFleet(account: AccountClient): FleetBackend {
  const run = (tenant: string, statements: Statement[], settings: Record<string, string> = byPlace) =>
    account.run({ tenant, timeout: 0, settings, repeatable: true, statements });
  const rows = async (tenant: string, statement: Statement) => (await run(tenant, [statement], byIndex))[0] ?? [];
  return {
    async tenants() {
      const text = `select f.tenant_id as tenant, count(*) filter (where ${THERE})::float8 as facts from agents.memory_facts f group by 1 order by 1`;
      const [found = []] = await account.run({ tenant: null, repeatable: true, timeout: 0, statements: [{ text }] });
      return found.map(({ tenant, facts }) => ({ tenant: String(tenant), facts: Number(facts) }));
    },
    async deleteTenant(tenant) {
      const gone = (table: string) => ({
        text: `with gone as (delete from agents.${table} where tenant_id = $1 returning 1) select count(*)::float8 as n from gone`,
        values: [tenant],
      });
      const [, ...counts] = await run(tenant, [
        lockTenant(tenant),
        ...["memory_facts", "memory_words", "memory_events"].map(gone),
      ]);
      const [facts = 0, words = 0, changes = 0] = counts.map((one) => Number(one[0]?.n));
      return { facts, words, changes };
    },
    async changes(tenant, after) {
      const text = `select ${EVENT} from agents.memory_events f where f.tenant_id = $1 and (f.key, f.seq) > ($2, $3) order by f.key, f.seq limit ${PAGE}`;
      return (await rows(tenant, { text, values: [tenant, after?.key ?? "", after?.seq ?? 0] })).map(changeOf);
    },
    async facts(tenant, after) {
      return (await rows(tenant, factsAfter(tenant, after))).map(lastingOf);
    },
    async clear(tenant, keys) {
      const values = [tenant, textArray(keys)];
      await run(tenant, [
        lockKeys(tenant, keys),
        ...["is null", "is not null"].map((ended) => ({
          text: remove("key", "text", `f.deleted_at ${ended}`),
          values,
        })),
        {
          text: `delete from agents.memory_events where ctid = any (array(select e.ctid from unnest($2::text[]) n (key)
            cross join lateral (select e.ctid from agents.memory_events e where e.tenant_id = $1 and e.key = n.key order by e.seq offset 0) e))`,
          values,
        },
      ]);
    },
    async writeChanges(tenant, changes) {
      await run(tenant, [
        lockKeys(
          tenant,
          changes.map(({ key }) => key),
        ),
        ...changeStatements(tenant, changes),
      ]);
    },
    async writeFacts(tenant, facts) {
      await run(tenant, [
        lockKeys(
          tenant,
          facts.map(({ key }) => key),
        ),
        ...factStatements(tenant, facts),
      ]);
    },
    async purge(tenant, olderThanMs) {
      const [, found] = await run(tenant, [lockTenant(tenant), { text: PURGE, values: [tenant, olderThanMs] }]);
      return { facts: Number(found?.[0]?.facts ?? 0), changes: Number(found?.[0]?.changes ?? 0) };
    },
  };
}

/** Removes the facts with a value of $2 in a column, and their words; $1 is the tenant. */
const remove = (column: string, type: string, condition: string) => `with gone as (
    delete from agents.memory_facts where ctid = any (array(select f.ctid from unnest($2::text[]) n (value)
      cross join lateral (select f.ctid from agents.memory_facts f
        where f.tenant_id = $1 and ${are(`f.${column}`, `n.value::${type}`)} and ${condition} order by f.${column} offset 0) f))
    returning fact_id
  ) ${removeWords("gone")}`;

function factsAfter(tenant: string, after: { key: string; id: string; deleted: number | null } | undefined): Statement {
  // After the key's other fact, none of the key is left.
  const done = after?.deleted === null;
  const part = (deleted: string, place: string, order: string) =>
    `(select f.* from agents.memory_facts f where f.tenant_id = $1 and f.deleted_at ${deleted} and ${place} order by ${order} limit ${PAGE})`;
  return {
    text: `select ${FACT}, ${micros("f.deleted_at")} as deleted from (
        ${part("is not null", "(f.key, f.fact_id) > ($2, $3::uuid)", "f.key, f.fact_id")} union all
        ${part("is null", "f.key >= $2 and (not $4::bool or f.key <> $2)", "f.key")}) f
      order by f.key, f.deleted_at is null, f.fact_id limit ${PAGE}`,
    values: [tenant, after?.key ?? "", done ? LAST : (after?.id ?? "00000000-0000-0000-0000-000000000000"), done],
  };
}

const FACT_COLUMNS = "agent_id, kind, value_json, source, confidence, expires_at, version, created_at";
/** Parameters $4 to $11, and what they are cast to. */
const FACT_ARRAYS = "$4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[]";
const FACT_CASTS =
  "n.agent, n.kind, n.value, n.source, n.confidence::float8, n.expires::timestamptz, n.version::int8, n.created::timestamptz";
const FACT_NAMES = "agent, kind, value, source, confidence, expires, version, created";

/** Facts as parameters $2 to $11: key, id, and FACT_ARRAYS. What is no fact is all null. */
function arraysOf(of: readonly { key: string; id: string; fact: KeptFact | null }[]): Value[] {
  return [
    text(of.map(({ key }) => key)),
    text(of.map(({ id }) => id)),
    text(of.map(({ fact }) => fact?.agent)),
    text(of.map(({ fact }) => fact?.kind)),
    jsonbArray(of.map(({ fact }) => JSON.stringify(fact?.value ?? null))),
    text(of.map(({ fact }) => fact?.source)),
    text(of.map(({ fact }) => fact?.confidence)),
    moments(of.map(({ fact }) => fact?.expires)),
    text(of.map(({ fact }) => fact?.version)),
    moments(of.map(({ fact }) => fact?.created)),
  ];
}

function changeStatements(tenant: string, changes: readonly KeptChange[]): Statement[] {
  const seqs = text(changes.map(({ seq }) => seq));
  const keys = text(changes.map(({ key }) => key));
  return [
    {
      text: `delete from agents.memory_events where ctid = any (array(select e.ctid from unnest($2::text[], $3::text[]) n (key, seq)
        cross join lateral (select e.ctid from agents.memory_events e where e.tenant_id = $1 and ${are("e.key, e.seq", "n.key, n.seq::int8")} order by e.key, e.seq offset 0) e))`,
      values: [tenant, keys, seqs],
    },
    {
      text: `insert into agents.memory_events (tenant_id, key, fact_id, ${FACT_COLUMNS}, seq, at, action, actor)
        select $1, n.key, n.id::uuid, ${FACT_CASTS.replace("n.value", "case when n.kind is not null then n.value end")}, n.seq::int8, n.at::timestamptz, n.action, n.actor
        from unnest($2::text[], $3::text[], ${FACT_ARRAYS}, $12::text[], $13::text[], $14::text[], $15::text[]) n (key, id, ${FACT_NAMES}, seq, at, action, actor)`,
      values: [
        tenant,
        ...arraysOf(changes),
        seqs,
        moments(changes.map(({ at }) => at)),
        text(changes.map(({ action }) => action)),
        text(changes.map(({ actor }) => actor)),
      ],
    },
  ];
}

function factStatements(tenant: string, facts: readonly Lasting[]): Statement[] {
  const there = facts.filter(({ deleted }) => deleted === null);
  const pairs = there.flatMap((fact) => wordsOfFact(fact).map((word) => [fact.id, word] as const));
  return [
    { text: remove("fact_id", "uuid", "true"), values: [tenant, text(facts.map(({ id }) => id))] },
    { text: remove("key", "text", "f.deleted_at is null"), values: [tenant, text(there.map(({ key }) => key))] },
    {
      text: `insert into agents.memory_facts (tenant_id, key, fact_id, ${FACT_COLUMNS}, updated_at, deleted_at)
        select $1, n.key, n.id::uuid, ${FACT_CASTS}, n.updated::timestamptz, n.deleted::timestamptz
        from unnest($2::text[], $3::text[], ${FACT_ARRAYS}, $12::text[], $13::text[]) n (key, id, ${FACT_NAMES}, updated, deleted)`,
      values: [
        tenant,
        ...arraysOf(facts.map((fact) => ({ ...fact, fact }))),
        moments(facts.map(({ updated }) => updated)),
        moments(facts.map(({ deleted }) => deleted)),
      ],
    },
    {
      text: "insert into agents.memory_words (tenant_id, fact_id, word) select $1, n.id::uuid, n.word from unnest($2::text[], $3::text[]) n (id, word)",
      values: [tenant, text(pairs.map(([id]) => id)), text(pairs.map(([, word]) => word))],
    },
  ];
}

const PURGE = `with ended as materialized (
    select f.ctid as place, f.key, f.fact_id from agents.memory_facts f where f.tenant_id = $1 and (f.deleted_at is not null or f.expires_at is not null)
      and coalesce(f.deleted_at, f.expires_at) <= now() - $2::float8 * interval '1 millisecond'
    order by coalesce(f.deleted_at, f.expires_at) limit ${PAGE}
  ), words as (
    ${removeWords("ended")}
  ), events as (
    delete from agents.memory_events where ctid = any (array(select e.ctid from ended d
      cross join lateral (select e.ctid, e.fact_id from agents.memory_events e where e.tenant_id = $1 and e.key = d.key order by e.seq offset 0) e
      where e.fact_id = d.fact_id)) returning 1
  ), facts as (
    delete from agents.memory_facts where ctid = any (array(select place from ended)) returning 1
  )
  select (select count(*) from facts)::float8 as facts, (select count(*) from events)::float8 as changes`;
