import type { Row } from "../clients/sql.ts";
import type { KeptChange, KeptFact } from "./backend.ts";

/** A column's moment in microseconds since 1970, exactly. */
export const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::int8`;

/** What a fact is made of, of a row `f` of facts or events. */
const columns = (updated: string) =>
  `f.key, f.fact_id as id, f.agent_id as agent, f.kind, f.value_json as value, f.confidence, f.source, ${micros("f.expires_at")} as expires,
  f.version, ${micros("f.created_at")} as created, ${micros(updated)} as updated`;

export const FACT = columns("f.updated_at");
/** What a put left was updated when it was put. */
export const EVENT = `${columns("f.at")}, f.seq, f.action, f.actor`;
/** Not deleted; its time may be over. */
export const OPEN = "f.deleted_at is null";
export const THERE = "f.deleted_at is null and (f.expires_at is null or f.expires_at > now())";

/**
 * Rows come through an index, in its order, whatever the planner believes of a table's size: its statistics lag behind a load. Every lookup below is ordered, and whatever
 * is no index in that order had to be sorted. That leaves no choice, so there is nothing to plan anew for each value.
 */
export const byIndex = { enable_sort: "off", plan_cache_mode: "force_generic_plan" };

/**
 * For statements that change rows: these are found by a lookup, as above, and then changed in their places (ctid), where the planner would rather go through a table, or the
 * rows of a tenant, that it believes to be empty.
 */
export const byPlace = { ...byIndex, enable_seqscan: "off", enable_bitmapscan: "off", enable_indexscan: "off" };

/**
 * That columns have these values. To a planner that believes a tenant has hardly a row, every index that begins with the tenant is as good for `=` as the column's own, and a
 * call that should read one row may go through all of the tenant's (seen); of a range that is wanted in its order only the column's own index gives that.
 */
export function are(columns: string, values: string): string {
  const [column, value] = columns.includes(",") ? [`(${columns})`, `(${values})`] : [columns, values];
  return `${column} >= ${value} and ${column} <= ${value}`;
}

/** The facts of the keys that `from` yields as `n.key`, one by one; those that are not deleted. */
export const byKeys = (from: string, columns: string) =>
  `${from} cross join lateral (select ${columns} from agents.memory_facts f where ${are("f.key", "n.key")} and ${OPEN} order by f.key limit 1) f`;

/** Rows have the columns in another order than facts have their names, and others too. */
export function factOf(row: Row): KeptFact {
  const { id, key, agent, kind, value, confidence, source, expires, version, created, updated } =
    row as unknown as KeptFact;
  return { id, key, agent, kind, value, confidence, source, expires, version, created, updated };
}

export function changeOf(row: Row): KeptChange {
  const { key, seq, action, actor, id } = row as unknown as KeptChange;
  return { key, seq, at: row.updated as number, action, actor, id, fact: action === "put" ? factOf(row) : null };
}
