import type { Statements } from "../clients/sqlite.ts";
import type { SessionBackend } from "./backend.ts";
import { endOf, type Rows } from "./sqlite-store.ts";

/** Counters and rankings. */
export function sqliteNumbers(rows: Rows) {
  return { ...counters(rows), ...rankings(rows) };
}

function counters({ tenant, read, write }: Rows) {
  const find = (db: Statements, now: number, name: string) =>
    db.first<{ value: number; expires: number | null }>(
      "select value, expires from counter where tenant = ? and name = ? and (expires is null or expires > ?)",
      tenant,
      name,
      now,
    );
  return {
    increment: (name, by, ttlMs) =>
      write((db, now) => {
        const found = find(db, now, name);
        const sum = (found?.value ?? 0) + by;
        if (!Number.isSafeInteger(sum)) return undefined;
        db.change(
          "insert into counter values (?, ?, ?, ?) on conflict do update set value = excluded.value, expires = excluded.expires",
          tenant,
          name,
          sum,
          found ? found.expires : endOf(now, ttlMs),
        );
        return sum;
      }),
    counter: (name) => read((db, now) => find(db, now, name)?.value ?? 0),
    resetCounter: (name) =>
      write((db, now) => {
        const had = find(db, now, name) !== undefined;
        db.change("delete from counter where tenant = ? and name = ?", tenant, name);
        return had;
      }),
  } satisfies Partial<SessionBackend>;
}

function rankings({ tenant, read, write }: Rows) {
  const find = (db: Statements, ranking: string, member: string) =>
    db.first<{ score: number }>(
      "select score from score where tenant = ? and ranking = ? and member = ?",
      tenant,
      ranking,
      member,
    )?.score;
  function put(db: Statements, ranking: string, member: string, score: number): void {
    const text = "insert into score values (?, ?, ?, ?) on conflict do update set score = excluded.score";
    db.change(text, tenant, ranking, member, score);
  }
  return {
    setScore: (ranking, member, score) => write((db) => put(db, ranking, member, score)),
    addScore: (ranking, member, by) =>
      write((db) => {
        const sum = (find(db, ranking, member) ?? 0) + by;
        if (!Number.isFinite(sum)) return undefined;
        put(db, ranking, member, sum);
        return sum;
      }),
    ranking: (name, offset, limit) =>
      read((db) =>
        db.all<{ member: string; score: number }>(
          "select member, score from score where tenant = ? and ranking = ? order by score desc, member limit ? offset ?",
          tenant,
          name,
          limit,
          offset,
        ),
      ),
    rankOf: (ranking, member) =>
      read((db) =>
        db.first<{ score: number; rank: number }>(
          `select mine.score, 1 + (
             select count(*) from score as other where other.tenant = mine.tenant and other.ranking = mine.ranking
             and (other.score > mine.score or (other.score = mine.score and other.member < mine.member))
           ) as rank from score as mine where mine.tenant = ? and mine.ranking = ? and mine.member = ?`,
          tenant,
          ranking,
          member,
        ),
      ),
    removeRanked: (ranking, member) =>
      write((db) => {
        const text = "delete from score where tenant = ? and ranking = ? and member = ?";
        return db.change(text, tenant, ranking, member) === 1;
      }),
  } satisfies Partial<SessionBackend>;
}
