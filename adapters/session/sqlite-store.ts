import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { FENCE_MS, type SessionBackend } from "./backend.ts";
import { removeNames } from "./sqlite-fleet.ts";
import { sqliteLists } from "./sqlite-lists.ts";
import { sqliteNumbers } from "./sqlite-numbers.ts";
import { sqliteTogether } from "./sqlite-together.ts";

/** A tenant's rows, and how they are read and written; `now` is one moment for a whole transaction. */
export interface Rows {
  readonly tenant: string;
  readonly client: SqliteClient;
  read<T>(work: (db: Statements, now: number) => T): Promise<T>;
  write<T>(work: (db: Statements, now: number) => T): Promise<T>;
}

/** Milliseconds between removals of what has expired. */
const PRUNE = 30_000;
/** Milliseconds after which a message that was published is not looked for any more. */
const PUBLISHED = 60_000;

/** By connection: when it last removed what has expired. */
const pruned = new WeakMap<Statements, number>();

/** One tenant's rows in a database that `sqlite-schema.ts` describes. */
export function sqliteBackend(client: SqliteClient, tenant: string): SessionBackend {
  const rows: Rows = {
    tenant,
    client,
    read: (work) => client.read((db) => work(db, Date.now())),
    write: (work) =>
      client.write((db) => {
        const now = Date.now();
        prune(db, now);
        return work(db, now);
      }),
  };
  return {
    ...values(rows),
    ...sqliteLists(rows),
    ...sqliteNumbers(rows),
    ...sqliteTogether(rows),
    removeNames: (prefix) => rows.write((db) => removeNames(db, tenant, prefix)),
  };
}

/** What nobody can see any more. At most some hundreds of milliseconds, since it goes on at the next time. */
function prune(db: Statements, now: number): void {
  const last = pruned.get(db) ?? 0;
  if (now - last < PRUNE && now >= last) return;
  pruned.set(db, now);
  for (const table of ["value", "counter", "bucket"])
    db.change(`delete from ${table} where rowid in (select rowid from ${table} where expires <= ? limit 10000)`, now);
  for (const { tenant, name } of db.all<{ tenant: string; name: string }>(
    "select tenant, name from list where expires <= ? limit 1000",
    now,
  )) {
    db.change("delete from message where tenant = ? and list = ?", tenant, name);
    db.change("delete from list where tenant = ? and name = ?", tenant, name);
  }
  const forgotten = "select rowid from lock where token < ? and expires <= ? limit 10000";
  db.change(`delete from lock where rowid in (${forgotten})`, (now - FENCE_MS) * 1_000, now);
  db.change("delete from publication where at < ?", now - PUBLISHED);
}

/** The lifetime's end. */
export const endOf = (now: number, ttlMs: number | undefined): number | null =>
  ttlMs === undefined ? null : now + ttlMs;

const ALIVE = "(expires is null or expires > ?)";
const PAGE = 1_000;

function values({ tenant, read, write }: Rows) {
  type Found = { json: string; expires: number | null };
  const find = (db: Statements, now: number, name: string) =>
    db.first<Found>(`select json, expires from value where tenant = ? and name = ? and ${ALIVE}`, tenant, name, now);

  function put(
    db: Statements,
    now: number,
    name: string,
    json: string,
    options: { ttlMs?: number; ifAbsent?: boolean },
  ) {
    if (options.ifAbsent && find(db, now, name)) return false;
    db.change(
      "insert into value values (?, ?, ?, ?) on conflict do update set json = excluded.json, expires = excluded.expires",
      tenant,
      name,
      json,
      endOf(now, options.ttlMs),
    );
    return true;
  }
  return {
    set: (name, json, options) => write((db, now) => put(db, now, name, json, options)),
    setFenced: (name, json, { fence, ...options }) =>
      write((db, now) => {
        const newest = db.first<{ token: number }>(
          "select token from lock where tenant = ? and name = ?",
          tenant,
          fence.lock,
        );
        return newest?.token === fence.token ? put(db, now, name, json, options) : undefined;
      }),
    get: (name) => read((db, now) => find(db, now, name)?.json ?? null),
    getMany: (names) => read((db, now) => names.map((name) => find(db, now, name)?.json ?? null)),
    delete: (name) =>
      write((db, now) => {
        const had = find(db, now, name) !== undefined;
        db.change("delete from value where tenant = ? and name = ?", tenant, name);
        return had;
      }),
    expire: (name, ttlMs) =>
      write((db, now) => {
        const text = `update value set expires = ? where tenant = ? and name = ? and ${ALIVE}`;
        return db.change(text, endOf(now, ttlMs ?? undefined), tenant, name, now) === 1;
      }),
    ttl: (name) =>
      read((db, now) => {
        const found = find(db, now, name);
        return found && (found.expires === null ? null : found.expires - now);
      }),
    async *keys(prefix) {
      for (let last = ""; ; ) {
        const page = await read((db, now) =>
          db.all<{ name: string }>(
            `select name from value where tenant = ? and name > ? and ${ALIVE} and (? = '' or instr(name, ?) = 1) order by name limit ${PAGE}`,
            tenant,
            last,
            now,
            prefix,
            prefix,
          ),
        );
        for (const { name } of page) yield name;
        if (page.length < PAGE) return;
        last = page.at(-1)?.name ?? "";
      }
    },
  } satisfies Partial<SessionBackend>;
}
