import type { SessionBackend } from "./backend.ts";
import type { RateAnswer } from "./contract.ts";
import type { Rows } from "./sqlite-store.ts";

/** What several workers coordinate by: buckets, locks, channels. */
export function sqliteTogether(rows: Rows) {
  return { ...buckets(rows), ...locks(rows), ...channels(rows) };
}

function buckets({ tenant, write }: Rows) {
  return {
    takeTokens: (name, limit, windowMs, cost) =>
      write((db, now): RateAnswer => {
        // One whose time is over is full, whatever rate it had.
        const text = "select taken, at from bucket where tenant = ? and name = ? and expires > ?";
        const before = db.first<{ taken: number; at: number }>(text, tenant, name, now) ?? { taken: 0, at: now };
        const taken = Math.max(0, before.taken - (Math.max(0, now - before.at) * limit) / windowMs);
        const left = limit - taken - cost;
        if (left < -1e-9) {
          const retryAfterMs = Math.ceil((-left * windowMs) / limit);
          return { allowed: false, remaining: Math.max(0, Math.floor(limit - taken + 1e-9)), retryAfterMs };
        }
        // A refusal writes nothing, so that refusals cannot add up to an error of rounding; a full bucket is no row.
        db.change(
          "insert into bucket values (?, ?, ?, ?, ?) on conflict do update set taken = excluded.taken, at = excluded.at, expires = excluded.expires",
          tenant,
          name,
          taken + cost,
          now,
          now + Math.ceil(((taken + cost) * windowMs) / limit) + 1,
        );
        return { allowed: true, remaining: Math.floor(left + 1e-9), retryAfterMs: 0 };
      }),
  } satisfies Partial<SessionBackend>;
}

function locks({ tenant, write }: Rows) {
  const HELD = "where tenant = ? and name = ? and token = ? and expires > ?";
  return {
    acquire: (name, ttlMs) =>
      write((db, now) => {
        type Row = { token: number; expires: number };
        const before = db.first<Row>("select token, expires from lock where tenant = ? and name = ?", tenant, name);
        if (before && before.expires > now) return { busyMs: before.expires - now };
        const token = Math.max((before?.token ?? 0) + 1, now * 1_000);
        const text =
          "insert into lock values (?, ?, ?, ?) on conflict do update set token = excluded.token, expires = excluded.expires";
        db.change(text, tenant, name, token, now + ttlMs);
        return { token };
      }),
    extend: (name, token, ttlMs) =>
      write((db, now) => db.change(`update lock set expires = ? ${HELD}`, now + ttlMs, tenant, name, token, now) === 1),
    release: (name, token) =>
      write((db, now) => db.change(`update lock set expires = 0 ${HELD}`, tenant, name, token, now) === 1),
  } satisfies Partial<SessionBackend>;
}

function channels({ tenant, client, write }: Rows) {
  return {
    async publish(channel, json) {
      await write((db, now) => {
        const text = "insert into publication (tenant, channel, json, at) values (?, ?, ?, ?)";
        db.change(text, tenant, channel, json, now);
      });
      client.changed(); // a connection does not see its own writes as changes
    },
    async listen(channel, receive, fail) {
      let last = Number.MAX_SAFE_INTEGER; // nothing, until it is known from where
      const look = async () => {
        const text = "select id, json from publication where tenant = ? and channel = ? and id > ? order by id";
        for (const { id, json } of await client.read((db) =>
          db.all<{ id: number; json: string }>(text, tenant, channel, last),
        )) {
          if (id <= last) continue; // another look was faster
          last = id;
          receive(json);
        }
      };
      const stop = await client.watch(() => {
        look().catch(fail);
      }, fail);
      // Of the counter, since rows are removed.
      const text = "select seq from sqlite_sequence where name = 'publication'";
      last = await client.read((db) => db.first<{ seq: number }>(text)?.seq ?? 0);
      return async () => stop();
    },
  } satisfies Partial<SessionBackend>;
}
