import type { SqliteClient } from "../clients/sqlite.ts";
import type { Portable } from "../role.ts";
import { FENCE_MS } from "./backend.ts";
import { type Keeper, type Kinds, type Reader, sessionPortable } from "./records.ts";

/** Rows that are read at a time, and characters of JSON after which no further row is. */
const PAGE = 500;
const CHARACTERS = 4 << 20;

/** Of which rows there are, ?1 the moment and ?2 the tenant. */
const ALIVE = "tenant = ?2 and (expires is null or expires > ?1)";
const ROWS = {
  counter: `select name, value, expires from counter where ${ALIVE}`,
  // A lock's newest token is known until the store forgets it.
  fence: `select name, token from lock where tenant = ?2 and (token >= (?1 - ${FENCE_MS}) * 1000 or expires > ?1)`,
  list: `select name, expires from list where ${ALIVE}`,
  message: `select m.list, m.seq, m.at, m.json from message m join list l on l.tenant = m.tenant and l.name = m.list
    where m.tenant = ?2 and (l.expires is null or l.expires > ?1)`,
  score: "select ranking, member, score from score where tenant = ?2 and ?1 > 0",
  value: `select name, json, expires from value where ${ALIVE}`,
};

/** All that the role keeps in a database that `sqlite-schema.ts` describes, out and in. */
export function sqlitePortable(client: SqliteClient): Portable {
  const rows =
    <Kind extends keyof Kinds>(kind: Kind, keys: readonly string[]) =>
    (tenant: string) =>
      pages<Kinds[Kind]>(client, ROWS[kind], keys, tenant);
  const reader: Reader = {
    async tenants() {
      const all = ["value", "list", "counter", "lock", "score"].map((table) => `select tenant from ${table}`);
      return client.read((db) => db.all<{ tenant: string }>(all.join(" union ")).map(({ tenant }) => tenant));
    },
    of: {
      counter: rows("counter", ["name"]),
      fence: rows("fence", ["name"]),
      list: rows("list", ["name"]),
      message: rows("message", ["list", "seq"]),
      score: rows("score", ["ranking", "member"]),
      value: rows("value", ["name"]),
    },
  };
  return sessionPortable({ reader: () => reader, write: writers(client) });
}

/** Page after page of rows, in the order of their keys. */
async function* pages<Row>(
  client: SqliteClient,
  rows: string,
  keys: readonly string[],
  tenant: string,
): AsyncGenerator<Row> {
  const after = keys.map((_, i) => `?${i + 4}`);
  const text = `select * from (${rows}) where (${keys}) > (${after}) order by ${keys} limit ?3`;
  const sizes = rows.includes("json") ? `select length(json) as size from (${text})` : undefined;
  let last = keys.map((key): string | number => (key === "seq" ? 0 : ""));
  for (;;) {
    const page = await client.read((db) => {
      const now = Date.now();
      const most = sizes ? fitting(db.all<{ size: number }>(sizes, now, tenant, PAGE, ...last)) : PAGE;
      return db.all<Row>(text, now, tenant, most, ...last);
    });
    for (const row of page) yield { ...row };
    const end = page.at(-1) as Record<string, string | number> | undefined;
    if (!end) return;
    last = keys.map((key) => end[key] ?? "");
  }
}

/** How many of the first rows are read together. */
function fitting(rows: readonly { size: number }[]): number {
  let fit = 0;
  for (let held = 0; fit < rows.length; fit++) {
    held += rows[fit]?.size ?? 0;
    if (held > CHARACTERS) break;
  }
  return Math.max(1, fit);
}

/** Writes each batch as one transaction. */
function writers(client: SqliteClient): Keeper["write"] {
  const lasting = <T extends { expires: number | null }>(some: T[]) => {
    const now = Date.now();
    return some.filter(({ expires }) => expires === null || expires > now);
  };
  return {
    counter: (tenant, some) =>
      client.write((db) => {
        const text = "insert or replace into counter values (?, ?, ?, ?)";
        for (const { name, value, expires } of some) db.change(text, tenant, name, value, expires);
        return lasting(some).length;
      }),
    fence: (tenant, some) =>
      client.write((db) => {
        // Nobody holds it by this, and whoever does goes on to.
        const text =
          "insert into lock values (?, ?, ?, 0) on conflict do update set token = max(token, excluded.token)";
        for (const { name, token } of some) db.change(text, tenant, name, token);
        return some.length;
      }),
    list: (tenant, some) =>
      client.write((db) => {
        const there = lasting(some);
        for (const { name } of some) {
          db.change("delete from message where tenant = ? and list = ?", tenant, name);
          db.change("delete from list where tenant = ? and name = ?", tenant, name);
        }
        for (const { name, expires } of there) db.change("insert into list values (?, ?, 0, ?)", tenant, name, expires);
        return there.length;
      }),
    message: (tenant, some) =>
      client.write((db) => {
        const ahead = "update list set last = max(last, ?) where tenant = ? and name = ?";
        const text = "insert or replace into message values (?, ?, ?, ?, ?)";
        const there = some.filter(({ list, seq }) => db.change(ahead, seq, tenant, list) === 1);
        for (const { list, seq, at, json } of there) db.change(text, tenant, list, seq, at, json);
        return there.length;
      }),
    score: (tenant, some) =>
      client.write((db) => {
        const text = "insert or replace into score values (?, ?, ?, ?)";
        for (const { ranking, member, score } of some) db.change(text, tenant, ranking, member, score);
        return some.length;
      }),
    value: (tenant, some) =>
      client.write((db) => {
        const text = "insert or replace into value values (?, ?, ?, ?)";
        for (const { name, json, expires } of some) db.change(text, tenant, name, json, expires);
        return lasting(some).length;
      }),
  };
}
