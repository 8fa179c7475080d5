import { textArray } from "../clients/binary.ts";
import type { Statement, Value } from "../clients/sql.ts";
import { partSql } from "../runs.ts";
import { type CheckedSearch, FEW, type WordRange } from "./backend.ts";
import { momentOf } from "./snapshot.ts";
import { are, FACT, OPEN, THERE } from "./sql-row.ts";

/** Something that a search could start from: the facts of a word, of all words of a beginning, or of the keys of one. */
export type Stretch = WordRange | { keys: { from: string; to: string | null } };

export function stretchesOf({ words, keys }: CheckedSearch): Stretch[] {
  return keys ? [...words, { keys }] : [...words];
}

/** The ids of a stretch's facts, in the order of its words or keys; some of them maybe more than once. */
function idsIn(stretch: Stretch, values: Value[]): string {
  const words = "select w.fact_id from agents.memory_words w where";
  if ("keys" in stretch) {
    const keys = `select f.fact_id from agents.memory_facts f where ${OPEN} and`;
    return `${keys} ${between("f.key", stretch.keys, values)} order by f.key`;
  }
  if ("word" in stretch) return `${words} ${are("w.word", `$${values.push(stretch.word)}::text`)} order by w.word`;
  return `${words} ${between("w.word", stretch, values)} order by w.word`;
}

function between(column: string, { from, to }: { from: string; to: string | null }, values: Value[]): string {
  const start = `${column} >= $${values.push(from)}`;
  return to === null ? start : `${start} and ${column} < $${values.push(to)}`;
}

/** Of several, the one that is likely to have the fewest facts: the longest text. */
export const likeliest = (stretches: readonly Stretch[]): Stretch | undefined =>
  stretches.toSorted((one, other) => lengthOf(other) - lengthOf(one))[0];

const lengthOf = (one: Stretch) => ("keys" in one ? one.keys.from : "word" in one ? one.word : one.from).length;

/** Counts a stretch's facts, up to FEW. */
export function countStatement(stretch: Stretch): Statement {
  const values: Value[] = [];
  return { text: `select count(*)::int4 as n from (${idsIn(stretch, values)} limit ${FEW}) few`, values };
}

/** The columns that have an index of their own for going through the newest facts; who or what they came from is the narrowest. */
const LEADS = ["source", "agent", "kind"] as const;
const COLUMNS = { source: "f.source", agent: "f.agent_id", kind: "f.kind" } as const;
type Lead = (typeof LEADS)[number];

/** The statement of a search from a stretch, or else from the newest facts on, one by one. */
export function searchStatement(search: CheckedSearch, start: Stretch | undefined): Statement {
  const values: Value[] = [];
  const found = start ? fromStretch(search, start, values) : fromNewest(search, values);
  return { text: `select ${FACT} from (${found}) f order by f.updated_at desc, f.fact_id desc`, values };
}

/** Finds nothing where the stretch is wide. */
function fromStretch(search: CheckedSearch, start: Stretch, values: Value[]): string {
  const few = `with few as materialized (${idsIn(start, values)} limit ${FEW})`;
  const where = conditionsOf(search, undefined, values);
  if (search.after) where.push(`(f.updated_at, f.fact_id) < (${place(search.after, values)})`);
  return `${few} select f.* from (select distinct fact_id from few where (select count(*) from few) < ${FEW} offset 0) s
    cross join lateral (select f.* from agents.memory_facts f where ${are("f.fact_id", "s.fact_id")} order by f.fact_id limit 1) f
    where ${where.join(" and ")} order by f.updated_at desc, f.fact_id desc limit ${search.limit}`;
}

function fromNewest(search: CheckedSearch, values: Value[]): string {
  const lead = LEADS.find((name) => search[name] !== null);
  const where = conditionsOf(search, lead, values);
  const order = ["f.updated_at desc", "f.fact_id desc"];
  if (lead) {
    const [column, value] = [COLUMNS[lead], `$${values.push(search[lead])}::text`];
    where.push(are(column, value));
    order.unshift(`${column} desc`);
    if (search.after) where.push(`(${column}, f.updated_at, f.fact_id) < (${value}, ${place(search.after, values)})`);
  } else if (search.after) {
    where.push(`(f.updated_at, f.fact_id) < (${place(search.after, values)})`);
  }
  return `select f.* from agents.memory_facts f where ${where.join(" and ")} order by ${order} limit ${search.limit}`;
}

const place = ({ updated, id }: { updated: number; id: string }, values: Value[]) =>
  `$${values.push(momentOf(updated))}::timestamptz, $${values.push(id)}::uuid`;

function conditionsOf(search: CheckedSearch, lead: Lead | undefined, values: Value[]): string[] {
  const conditions = [THERE];
  for (const name of LEADS)
    if (name !== lead && search[name] !== null) conditions.push(`${COLUMNS[name]} = $${values.push(search[name])}`);
  if (search.minConfidence !== null) conditions.push(`f.confidence >= $${values.push(search.minConfidence)}`);
  if (search.keys) conditions.push(between("f.key", search.keys, values));
  if (search.part) conditions.push(partSql("f.key", search.part, (bound) => `$${values.push(bound)}`));
  const has = (condition: string) =>
    `exists (select from agents.memory_words w where ${condition} order by w.fact_id, w.word offset 0)`;
  const words = search.words.flatMap((one) => ("word" in one ? one.word : []));
  if (words.length > 0) {
    const each = `unnest($${values.push(textArray(words))}::text[]) n (word)`;
    conditions.push(
      `not exists (select from ${each} where not ${has(are("w.fact_id, w.word", "f.fact_id, n.word"))} offset 0)`,
    );
  }
  for (const one of search.words)
    if ("from" in one) {
      const [from, to] = [values.push(one.from), values.push(one.to)];
      const pair = "(w.fact_id, w.word)";
      conditions.push(has(`${pair} >= (f.fact_id, $${from}::text) and ${pair} < (f.fact_id, $${to}::text)`));
    }
  return conditions;
}
