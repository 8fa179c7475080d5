import { randomUUID } from "node:crypto";
import { jsonbArray, textArray } from "../clients/binary.ts";
import type { Statement, Value } from "../clients/sql.ts";
import { type Part, partOf, partSql } from "../runs.ts";
import type { CheckedFact } from "./backend.ts";
import { momentOf } from "./snapshot.ts";
import { are, byKeys, micros, OPEN } from "./sql-row.ts";

/**
 * Writers of a tenant wait for each other by key, in one of so many places, and always in the order of the places: so none waits in a circle, however many keys
 * a call has, and what a statement after this one reads includes what it waited for.
 */
const PLACES = 64;
const lock = (place: string) => `pg_advisory_xact_lock(hashtextextended('agents.memory.' || $1::text, ${place}))`;
const placeOf = (key: string) => `hashtextextended(${key}, 0) & ${PLACES - 1}`;

export const lockKeys = (tenant: string, keys: readonly string[]): Statement => ({
  text: `select ${lock("p")} from (select distinct ${placeOf("k")} as p from unnest($2::text[]) k order by 1) places`,
  values: [tenant, textArray(keys)],
});

/** The key of a fact never changes. */
export const lockFact = (tenant: string, id: string): Statement => ({
  text: `select ${lock(placeOf("f.key"))} from (
    select f.key from agents.memory_facts f where ${are("f.fact_id", "$2::uuid")} order by f.fact_id limit 1) f`,
  values: [tenant, id],
});

export const lockTenant = (tenant: string): Statement => ({
  text: `select ${lock("p")} from (select p::int8 from generate_series(0, ${PLACES - 1}) p order by 1) places`,
  values: [tenant],
});

/** Adds the entries of facts that `from` yields to the history of their keys. */
const addEvents = (from: string, action: string, at: string, actor: string, fact: string) =>
  `insert into agents.memory_events (tenant_id, key, seq, at, action, actor, fact_id${fact && `, ${fact}`})
    select $1, p.key, coalesce((select e.seq from agents.memory_events e where e.key = p.key order by e.seq desc limit 1), 0) + 1,
      ${at}, '${action}', ${actor}, p.fact_id${fact && `, ${fact}`} from ${from} p`;

/** Removes the words of the facts that `from` yields, if `condition` holds for them; $1 is the tenant. */
export const removeWords = (from: string, condition = "true") =>
  `delete from agents.memory_words where ctid = any (array(select w.ctid from ${from} p
    cross join lateral (select w.ctid, w.word from agents.memory_words w where w.tenant_id = $1 and ${are("w.fact_id", "p.fact_id")} order by w.fact_id offset 0) w
    where ${condition}))`;

/** Ends the facts of these keys whose time is over, so that their places are free. */
function expire(tenant: string, keys: Uint8Array): Statement {
  return {
    text: `with ended as (
      update agents.memory_facts set deleted_at = expires_at where ctid = any (array(
        select f.ctid from ${byKeys("unnest($2::text[]) n (key)", "f.ctid, f.expires_at")} where f.expires_at <= clock_timestamp()))
      returning key, fact_id, deleted_at
    ), words as (${removeWords("ended")})
    ${addEvents("ended", "expire", "p.deleted_at", "null", "")}`,
    values: [tenant, keys],
  };
}

const FACT = "agent_id, kind, value_json, source, confidence, expires_at, version, created_at";

/** The statements that put facts; the last one's rows are what was written, none where `expected` did not hold. */
export function putStatements(
  tenant: string,
  facts: readonly CheckedFact[],
  actor: string | null,
  expected: number | undefined,
): Statement[] {
  const names = facts.map(({ key }) => key);
  const keys = textArray(names);
  const pairs = facts.flatMap(({ key, words }) => words.map((word) => [key, word] as const));
  const text = (of: (fact: CheckedFact) => string | null) => textArray(facts.map(of));
  const values: Value[] = [
    tenant,
    keys,
    text(() => randomUUID()),
    text(({ agent }) => agent),
    text(({ kind }) => kind),
    jsonbArray(facts.map(({ json }) => json)),
    text(({ source }) => source),
    text(({ confidence }) => (confidence === null ? null : String(confidence))),
    text(({ expires }) => (expires === null ? null : momentOf(expires))),
    textArray(pairs.map(([key]) => key)),
    textArray(pairs.map(([, word]) => word)),
    actor,
    expected ?? null,
  ];
  return [lockKeys(tenant, names), expire(tenant, keys), { text: PUT, values }];
}

const PUT = `with clock as materialized (select clock_timestamp() as now), put as (
    insert into agents.memory_facts as f (tenant_id, key, fact_id, agent_id, kind, value_json, source, confidence, expires_at, version, created_at, updated_at)
    select $1, n.key, n.id::uuid, n.agent, n.kind, n.value, n.source, n.confidence::float8, n.expires::timestamptz, 1,
      clock.now + (n.place - 1) * interval '1 microsecond', clock.now + (n.place - 1) * interval '1 microsecond'
    from clock, unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::text[])
      with ordinality n (key, id, agent, kind, value, source, confidence, expires, place)
    where $13::int8 is null
      or $13 = coalesce((select f.version from agents.memory_facts f where ${are("f.key", "n.key")} and ${OPEN} order by f.key limit 1), 0)
    on conflict (tenant_id, key) where deleted_at is null do update set agent_id = excluded.agent_id, kind = excluded.kind,
      value_json = excluded.value_json, source = excluded.source, confidence = excluded.confidence, expires_at = excluded.expires_at,
      version = f.version + 1, updated_at = excluded.updated_at
    returning f.key, f.fact_id, f.updated_at, f.agent_id, f.kind, f.value_json, f.source, f.confidence, f.expires_at, f.version, f.created_at
  ), gone as (
    ${removeWords("put", "(p.key, w.word) not in (select * from unnest($10::text[], $11::text[]))")}
  ), added as (
    insert into agents.memory_words (tenant_id, word, fact_id) select $1, n.word, p.fact_id
    from unnest($10::text[], $11::text[]) n (key, word) join put p on p.key = n.key
    where not exists (
      select from agents.memory_words w where ${are("w.fact_id, w.word", "p.fact_id, n.word")} order by w.fact_id, w.word offset 0)
  ), events as (
    ${addEvents("put", "put", "p.updated_at", "$12::text", FACT)}
  )
  select p.key, p.fact_id as id, p.version, ${micros("p.created_at")} as created, ${micros("p.updated_at")} as updated from put p`;

/** The statements that delete a fact; the last one's row counts what was there. */
export function deleteStatements(
  tenant: string,
  which: { key: string } | { id: string },
  actor: string | null,
  part?: Part,
): Statement[] {
  const [column, type, value] = "key" in which ? ["key", "text", which.key] : ["fact_id", "uuid", which.id];
  const values: Value[] = [tenant, value, actor];
  const mine = part ? `and ${partSql("f.key", part, (bound) => `$${values.push(bound)}`)}` : "";
  return [
    "key" in which ? lockKeys(tenant, [which.key]) : lockFact(tenant, which.id),
    {
      text: `with clock as materialized (select clock_timestamp() as now), ended as (
        update agents.memory_facts f set deleted_at = clock.now from clock where f.ctid = any (array(
          select f.ctid from agents.memory_facts f where ${are(`f.${column}`, `$2::${type}`)} and ${OPEN} ${mine} order by f.${column} limit 1))
        and (f.expires_at is null or f.expires_at > clock.now)
        returning f.key, f.fact_id, f.deleted_at
      ), words as (${removeWords("ended")}), events as (
        ${addEvents("ended", "delete", "p.deleted_at", "$3::text", "")}
      )
      select count(*)::int4 as n from ended`,
      values,
    },
  ];
}

/** The statements that remove a run's facts and history; each but the first counts what was there: facts, those that were deleted, changes. */
export function removeRunStatements(tenant: string, run: string): Statement[] {
  const { from, to } = partOf(run);
  const facts = (deleted: string): Statement => ({
    text: `with gone as (
        delete from agents.memory_facts where ctid = any (array(
          select f.ctid from agents.memory_facts f where f.key >= $2 and f.key < $3 and f.deleted_at ${deleted} order by f.key))
        returning fact_id
      ), words as (${removeWords("gone")})
      select count(*)::int4 as n from gone`,
    values: [tenant, from, to],
  });
  return [
    lockTenant(tenant),
    facts("is null"),
    facts("is not null"),
    { text: "select agents.forget_run($1)::float8 as n", values: [run] },
  ];
}
