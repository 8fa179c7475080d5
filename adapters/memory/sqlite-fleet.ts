import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import type { KeptFact } from "./backend.ts";
import type { FleetBackend } from "./fleet.ts";
import { type Lasting, wordsOfFact } from "./snapshot.ts";
import { type ChangeRow, changeOf, clock, FACT, factOf, insertChange, type Stored, setWords } from "./sqlite-store.ts";

/** Rows that are read, or facts that are removed, at a time: a value may have 256 KiB, and other writers wait. */
const PAGE = 200;
const LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

type LastingRow = Stored<KeptFact> & { deleted: number | null };

/** The acts across tenants on a database that `sqlite-schema.ts` describes. */
export function sqliteFleet(client: SqliteClient): FleetBackend {
  return {
    tenants: () =>
      client.read((db) => {
        const text = `select tenant, count(*) filter (where deleted is null and (expires is null or expires > ?)) as facts
          from fact group by tenant order by tenant`;
        return db.all<{ tenant: string; facts: number }>(text, clock()).map((row) => ({ ...row }));
      }),
    deleteTenant: (tenant) =>
      client.write((db) => {
        const gone = (table: string) => db.change(`delete from ${table} where tenant = ?`, tenant);
        return { facts: gone("fact"), words: gone("word"), changes: gone("change") };
      }),
    changes: (tenant, after) =>
      client.read((db) => {
        const text = `select * from change where tenant = ? and (key, seq) > (?, ?) order by key, seq limit ${PAGE}`;
        return db.all<ChangeRow>(text, tenant, after?.key ?? "", after?.seq ?? 0).map(changeOf);
      }),
    facts: (tenant, after) =>
      client.read((db) => {
        const columns = `${FACT}, f.deleted`;
        // After the key's other fact, none of the key is left.
        const place = [after?.key ?? "", after?.deleted === null ? LAST : (after?.id ?? "")];
        const part = (condition: string, order: string) =>
          `select * from (select ${columns} from fact f where tenant = ? and ${condition} order by ${order} limit ${PAGE})`;
        const deleted = part("deleted is not null and (key, id) > (?, ?)", "key, id");
        const there = part(`deleted is null and key ${after?.deleted === null ? ">" : ">="} ?`, "key");
        const text = `select * from (${deleted} union all ${there}) order by key, deleted is null, id limit ${PAGE}`;
        return db.all<LastingRow>(text, tenant, ...place, tenant, place[0] as string).map(lastingOf);
      }),
    clear: (tenant, keys) =>
      client.write((db) => {
        for (const key of keys) {
          for (const { n } of db.all<{ n: number }>("select n from fact where tenant = ? and key = ?", tenant, key))
            remove(db, tenant, n);
          db.change("delete from change where tenant = ? and key = ?", tenant, key);
        }
      }),
    writeChanges: (tenant, changes) =>
      client.write((db) => {
        for (const { fact, ...change } of changes)
          insertChange(db, tenant, change, fact ? { ...fact, json: JSON.stringify(fact.value) } : undefined);
      }),
    writeFacts: (tenant, facts) =>
      client.write((db) => {
        for (const fact of facts) importFact(db, tenant, fact);
      }),
    purge: (tenant, olderThanMs) => client.write((db) => purge(db, tenant, olderThanMs)),
  };
}

const lastingOf = ({ deleted, ...row }: LastingRow): Lasting => ({ ...factOf(row), deleted });

function remove(db: Statements, tenant: string, n: number): void {
  setWords(db, tenant, n, []);
  db.change("delete from fact where n = ?", n);
}

function importFact(db: Statements, tenant: string, fact: Lasting): void {
  const { id, key, agent, kind, value, confidence, source, expires, deleted, version, created, updated } = fact;
  const same = "select n from fact where tenant = ? and (id = ? or (? and key = ? and deleted is null))";
  for (const { n } of db.all<{ n: number }>(same, tenant, id, deleted === null ? 1 : 0, key)) remove(db, tenant, n);
  const row = db.first<{ n: number }>(
    `insert into fact (tenant, id, key, agent, kind, value, confidence, source, expires, deleted, version, created, updated)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning n`,
    ...[tenant, id, key, agent, kind, JSON.stringify(value), confidence, source, expires, deleted],
    ...[version, created, updated],
  );
  if (row && deleted === null) setWords(db, tenant, row.n, wordsOfFact(fact));
}

function purge(db: Statements, tenant: string, olderThanMs: number): { facts: number; changes: number } {
  const text = `select n, key, id from fact where tenant = ? and coalesce(deleted, expires) <= ?
    and (deleted is not null or expires is not null) limit ${PAGE}`;
  const ended = db.all<{ n: number; key: string; id: string }>(text, tenant, clock() - olderThanMs * 1_000);
  let changes = 0;
  for (const { n, key, id } of ended) {
    remove(db, tenant, n);
    changes += db.change("delete from change where tenant = ? and key = ? and id = ?", tenant, key, id);
  }
  return { facts: ended.length, changes };
}
