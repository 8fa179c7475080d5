import { randomUUID } from "node:crypto";
import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { partOf } from "../runs.ts";
import type { CheckedFact, KeptChange, KeptFact, MemoryBackend, Written } from "./backend.ts";
import { partOfKeys, sqliteSearch } from "./sqlite-search.ts";

/** A row of `fact` or `change`: as it is kept, but for the value's text. */
export type Stored<T> = Omit<T, "value"> & { value: string };
/** What `addChange` needs of a fact. */
type Put = Omit<KeptFact, "value"> & { json: string };

export const FACT =
  "f.id, f.key, f.agent, f.kind, f.value, f.confidence, f.source, f.expires, f.version, f.created, f.updated";
export const THERE = "f.deleted is null and (f.expires is null or f.expires > ?)";

/** The clock, in microseconds. */
export const clock = () => Date.now() * 1_000;

export const factOf = ({ value, ...fact }: Stored<KeptFact>): KeptFact => ({ ...fact, value: JSON.parse(value) });

/** One tenant's rows in a database that `sqlite-schema.ts` describes. */
export function sqliteBackend(client: SqliteClient, tenant: string): MemoryBackend {
  return {
    put: (facts, actor, expected) => client.write((db) => put(db, tenant, facts, actor, expected)),
    get: (keys) =>
      client.read((db) => {
        const text = `select ${FACT} from fact f where f.tenant = ? and f.key = ? and ${THERE}`;
        const now = clock();
        return keys.flatMap((key) => db.all<Stored<KeptFact>>(text, tenant, key, now)).map(factOf);
      }),
    delete: (which, actor, part) =>
      client.write((db) => {
        const now = moment(db, tenant);
        const [column, value] = "key" in which ? ["key", which.key] : ["id", which.id];
        const mine = part ? partOfKeys(part) : { text: "true", values: [] };
        const text = `select f.n, f.key, f.id from fact f where f.tenant = ? and f.${column} = ? and ${THERE} and ${mine.text}`;
        const found = db.first<Row>(text, tenant, value, now, ...mine.values);
        if (!found) return false;
        end(db, tenant, found, now);
        addChange(db, tenant, found, now, "delete", actor);
        return true;
      }),
    search: (search) => client.read((db) => sqliteSearch(db, tenant, search)),
    history: (key, limit, before = Number.MAX_SAFE_INTEGER) =>
      client.read((db) => {
        const text = "select * from change where tenant = ? and key = ? and seq < ? order by seq desc limit ?";
        return db.all<ChangeRow>(text, tenant, key, before, limit).map(changeOf);
      }),
    removeRun: (run) => client.write((db) => removeRun(db, tenant, run)),
  };
}

type Row = { n: number; key: string; id: string };
export type ChangeRow = Stored<KeptFact> & Omit<KeptChange, "fact"> & { tenant: string };

export function changeOf({ tenant: _, seq, at, action, actor, ...row }: ChangeRow): KeptChange {
  const { key, id } = row;
  return { key, seq, at, action, actor, id, fact: action === "put" ? factOf({ ...row, updated: at }) : null };
}

/** When a change is made: later than every other of the tenant's, so that the newest first is one order. */
function moment(db: Statements, tenant: string): number {
  const text = "select max(updated) as last from fact where tenant = ? and deleted is null";
  return Math.max(clock(), (db.first<{ last: number | null }>(text, tenant)?.last ?? 0) + 1);
}

function put(db: Statements, tenant: string, facts: readonly CheckedFact[], actor: string | null, expected?: number) {
  const now = moment(db, tenant);
  const written: Written[] = [];
  for (const [at, fact] of facts.entries()) {
    let there = db.first<Row & { version: number; created: number; expires: number | null }>(
      "select n, key, id, version, created, expires from fact where tenant = ? and key = ? and deleted is null",
      tenant,
      fact.key,
    );
    if (there && there.expires !== null && there.expires <= now) {
      end(db, tenant, there, there.expires);
      addChange(db, tenant, there, there.expires, "expire", null);
      there = undefined;
    }
    if (expected !== undefined && expected !== (there?.version ?? 0)) return undefined;
    const updated = now + at;
    const { id, version, created } = there ?? { id: randomUUID(), version: 0, created: updated };
    const one = { ...fact, id, version: version + 1, created, updated };
    setWords(db, tenant, writeFact(db, tenant, one, there?.n), fact.words);
    addChange(db, tenant, one, updated, "put", actor, one);
    written.push({ key: fact.key, id, version: one.version, created, updated });
  }
  return written;
}

/** Resolves to the row's number. */
function writeFact(db: Statements, tenant: string, one: Put, n: number | undefined): number {
  const { json, agent, kind, confidence, source, expires, version, updated } = one;
  const values = [agent, kind, json, confidence, source, expires, version, updated] as const;
  if (n !== undefined) {
    const set = "agent = ?, kind = ?, value = ?, confidence = ?, source = ?, expires = ?, version = ?, updated = ?";
    db.change(`update fact set ${set} where n = ?`, ...values, n);
    return n;
  }
  const text = `insert into fact (agent, kind, value, confidence, source, expires, version, updated, tenant, id, key, created)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning n`;
  return db.first<{ n: number }>(text, ...values, tenant, one.id, one.key, one.created)?.n as number;
}

/** Of many facts most words stay when they are put again: only what differs is written. */
export function setWords(db: Statements, tenant: string, n: number, words: readonly string[]): void {
  const wanted = new Set(words);
  for (const { word } of db.all<{ word: string }>("select word from word where fact = ?", n))
    if (!wanted.delete(word)) db.change("delete from word where tenant = ? and word = ? and fact = ?", tenant, word, n);
  for (const word of wanted) db.change("insert into word values (?, ?, ?)", tenant, word, n);
}

function removeRun(db: Statements, tenant: string, run: string): { facts: number; changes: number } {
  const { from, to } = partOf(run);
  let facts = 0;
  for (const ended of ["is null", "is not null"]) {
    const where = `tenant = ? and key >= ? and key < ? and deleted ${ended}`;
    for (const { n } of db.all<{ n: number }>(`select n from fact where ${where}`, tenant, from, to))
      setWords(db, tenant, n, []);
    facts += db.change(`delete from fact where ${where}`, tenant, from, to);
  }
  const changes = db.change("delete from change where tenant = ? and key >= ? and key < ?", tenant, from, to);
  return { facts, changes };
}

function end(db: Statements, tenant: string, { n }: Row, at: number): void {
  setWords(db, tenant, n, []);
  db.change("update fact set deleted = ? where n = ?", at, n);
}

/** Adds to a key's history. */
function addChange(
  db: Statements,
  tenant: string,
  { key, id }: { key: string; id: string },
  at: number,
  action: KeptChange["action"],
  actor: string | null,
  fact?: Put,
): void {
  const last = "select max(seq) as seq from change where tenant = ? and key = ?";
  const seq = (db.first<{ seq: number | null }>(last, tenant, key)?.seq ?? 0) + 1;
  insertChange(db, tenant, { key, seq, at, action, actor, id }, fact);
}

export function insertChange(db: Statements, tenant: string, change: Omit<KeptChange, "fact">, fact?: Put): void {
  const { key, seq, at, action, actor, id } = change;
  db.change(
    "insert or replace into change values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[tenant, key, seq, at, action, actor, id],
    ...[fact?.agent, fact?.kind, fact?.json, fact?.confidence, fact?.source, fact?.expires].map((one) => one ?? null),
    ...[fact?.version ?? null, fact?.created ?? null],
  );
}
