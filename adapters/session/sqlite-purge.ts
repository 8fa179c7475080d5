import type { SqliteClient, Statements } from "../clients/sqlite.ts";
import { checkAge } from "../input.ts";
import type { Retaining } from "../role.ts";
import { FENCE_MS } from "./backend.ts";

/** Rows that one transaction removes: other writers wait for it. */
const BATCH = 5_000;

/** By kind: the table, and which of its rows nobody can see any more since the moment ?1. */
const ENDED = {
  values: ["value", "expires <= ?1"],
  lists: ["list", "expires <= ?1"],
  counters: ["counter", "expires <= ?1"],
  buckets: ["bucket", "expires <= ?1"],
  locks: ["lock", `expires <= ?1 and token < (?1 - ${FENCE_MS}) * 1000`],
} as const;

/** Removes what has ended and no writer came by since to remove. */
export function sqliteRetaining(client: SqliteClient): Required<Retaining> {
  const momentOf = (olderThanMs: number) => Date.now() - checkAge("session", olderThanMs);
  return {
    async purge({ olderThanMs }) {
      const moment = momentOf(olderThanMs);
      const counts: Record<string, number> = {};
      for (const [kind, [table, ended]] of Object.entries(ENDED)) {
        counts[kind] = 0;
        for (let removed = BATCH; removed === BATCH; counts[kind] += removed)
          removed = await client.write((db) => remove(db, table, ended, moment));
      }
      return counts;
    },
    async ended({ olderThanMs }) {
      const moment = momentOf(olderThanMs);
      return client.read((db) => {
        const count = ([table, ended]: readonly [string, string]) =>
          db.first<{ n: number }>(`select count(*) as n from ${table} where ${ended}`, moment)?.n ?? 0;
        return Object.fromEntries(Object.entries(ENDED).map(([kind, one]) => [kind, count(one)]));
      });
    },
  };
}

function remove(db: Statements, table: string, ended: string, moment: number): number {
  const some = `select rowid from ${table} where ${ended} order by rowid limit ${BATCH}`;
  if (table === "list")
    db.change(
      `delete from message where (tenant, list) in (select tenant, name from list where rowid in (${some}))`,
      moment,
    );
  return db.change(`delete from ${table} where rowid in (${some})`, moment);
}
