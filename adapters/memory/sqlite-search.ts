import type { Statements } from "../clients/sqlite.ts";
import { type Part as KeyPart, partSql } from "../runs.ts";
import { type CheckedSearch, FEW, type KeptFact, narrowest, type WordRange } from "./backend.ts";
import { clock, FACT, factOf, type Stored, THERE } from "./sqlite-store.ts";

type Value = string | number | null;

/** A condition with its parameters. */
interface Part {
  text: string;
  values: Value[];
}

/** The facts that are looked for: from the narrowest of words and keys, or else the newest first, one by one. */
export function sqliteSearch(db: Statements, tenant: string, search: CheckedSearch): KeptFact[] {
  const stretches = stretchesOf(tenant, search);
  const start = narrowest(
    stretches,
    stretches.map(({ text, values }) => count(db, text, values)),
  );
  const conditions = conditionsOf(search);
  const where = [THERE, ...conditions.map(({ text }) => text)].join(" and ");
  const values = [clock(), ...conditions.flatMap((one) => one.values)];
  const order = "order by f.updated desc, f.id desc limit ?";
  if (start) {
    const text = `select ${FACT} from (select distinct n from (${start.text})) s cross join fact f on f.n = s.n where ${where} ${order}`;
    return db.all<Stored<KeptFact>>(text, ...start.values, ...values, search.limit).map(factOf);
  }
  const text = `select ${FACT} from fact f where f.tenant = ? and ${where} ${order}`;
  return db.all<Stored<KeptFact>>(text, tenant, ...values, search.limit).map(factOf);
}

function count(db: Statements, text: string, values: Value[]): number {
  return db.first<{ n: number }>(`select count(*) as n from (${text} limit ${FEW})`, ...values)?.n ?? 0;
}

/** Each with the numbers of facts in it, which may come more than once. */
function stretchesOf(tenant: string, { words, keys }: CheckedSearch): Part[] {
  const parts = words.map((range): Part => {
    const { text, values } = inRange(range);
    return { text: `select w.fact as n from word w where w.tenant = ? and ${text}`, values: [tenant, ...values] };
  });
  if (!keys) return parts;
  const { text, values } = between(keys);
  const from = "select f.n from fact f where f.tenant = ? and f.deleted is null";
  return [...parts, { text: `${from} and ${text}`, values: [tenant, ...values] }];
}

const inRange = (range: WordRange): Part =>
  "word" in range
    ? { text: "w.word = ?", values: [range.word] }
    : { text: "w.word >= ? and w.word < ?", values: [range.from, range.to] };

const between = ({ from, to }: { from: string; to: string | null }): Part =>
  to === null ? { text: "f.key >= ?", values: [from] } : { text: "f.key >= ? and f.key < ?", values: [from, to] };

export function partOfKeys(part: KeyPart): Part {
  const values: Value[] = [];
  const text = partSql("f.key", part, (bound) => {
    values.push(bound);
    return "?";
  });
  return { text, values };
}

function conditionsOf(search: CheckedSearch): Part[] {
  const parts: Part[] = search.words.map(inRange).map(({ text, values }) => ({
    text: `exists (select 1 from word w where w.fact = f.n and ${text})`,
    values,
  }));
  for (const column of ["kind", "agent", "source"] as const) {
    const value = search[column];
    if (value !== null) parts.push({ text: `f.${column} = ?`, values: [value] });
  }
  if (search.keys) parts.push(between(search.keys));
  if (search.part) parts.push(partOfKeys(search.part));
  if (search.minConfidence !== null) parts.push({ text: "f.confidence >= ?", values: [search.minConfidence] });
  const { after } = search;
  if (after) parts.push({ text: "(f.updated, f.id) < (?, ?)", values: [after.updated, after.id] });
  return parts;
}
