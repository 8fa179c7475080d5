import type { Statements } from "../clients/sqlite.ts";
import type { KeptMessage, SessionBackend } from "./backend.ts";
import { endOf, type Rows } from "./sqlite-store.ts";

/** Of a list whose time is not over. */
const FROM = `from message m join list l on l.tenant = m.tenant and l.name = m.list
  where m.tenant = ? and m.list = ? and (l.expires is null or l.expires > ?)`;

/** Lists of messages. A list's row outlives its trimmed messages, so that no number is given twice. */
export function sqliteLists({ tenant, read, write }: Rows) {
  type List = { last: number; expires: number | null };
  const find = (db: Statements, now: number, name: string) =>
    db.first<List>(
      "select last, expires from list where tenant = ? and name = ? and (expires is null or expires > ?)",
      tenant,
      name,
      now,
    );
  function remove(db: Statements, name: string): void {
    db.change("delete from message where tenant = ? and list = ?", tenant, name);
    db.change("delete from list where tenant = ? and name = ?", tenant, name);
  }
  return {
    append: (name, jsons, { keep, ttlMs }) =>
      write((db, now) => {
        const found = find(db, now, name);
        if (!found) remove(db, name); // of one whose time is over, messages may be left
        let seq = found?.last ?? 0;
        for (const json of jsons) {
          seq++;
          db.change("insert into message values (?, ?, ?, ?, ?)", tenant, name, seq, now, json);
        }
        if (keep) db.change("delete from message where tenant = ? and list = ? and seq <= ?", tenant, name, seq - keep);
        db.change(
          "insert into list values (?, ?, ?, ?) on conflict do update set last = excluded.last, expires = excluded.expires",
          tenant,
          name,
          seq,
          ttlMs === undefined ? (found?.expires ?? null) : endOf(now, ttlMs),
        );
        const text = "select min(seq) as first from message where tenant = ? and list = ?";
        const first = db.first<{ first: number }>(text, tenant, name)?.first ?? seq;
        return { seq, length: seq - first + 1 };
      }),
    newest: (name, count) =>
      read((db, now) =>
        db
          .all<KeptMessage>(`select m.seq, m.at, m.json ${FROM} order by m.seq desc limit ?`, tenant, name, now, count)
          .reverse(),
      ),
    after: (name, seq, limit) =>
      read((db, now) => {
        const text = `select m.seq, m.at, m.json ${FROM} and m.seq > ? order by m.seq limit ?`;
        return db.all<KeptMessage>(text, tenant, name, now, seq, limit);
      }),
    clearMessages: (name) =>
      write((db, now) => {
        const had = find(db, now, name) !== undefined;
        remove(db, name);
        return had;
      }),
  } satisfies Partial<SessionBackend>;
}
