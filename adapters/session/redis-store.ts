import type { RedisClient } from "../clients/redis.ts";
import { FENCE_MS, type KeptMessage, type SessionBackend } from "./backend.ts";
import * as scripts from "./redis-scripts.ts";

/** What a key is about: `t:<tenant>:<kind>:<name>`. */
export const KINDS = ["value", "messages", "counter", "bucket", "lock", "fence", "ranking"] as const;
export type Kind = (typeof KINDS)[number];

/** What a key is about; the kind is undefined for one that is none of the role's. */
export function keyParts(key: string): { tenant: string; kind: Kind | undefined; name: string } {
  const [, tenant = "", kind = ""] = key.split(":", 3);
  return { tenant, kind: KINDS.find((one) => one === kind), name: key.slice(`t:${tenant}:${kind}:`.length) };
}

/** By what a user calls it. A fence counts for its lock, which may be held or not. */
const COUNTED: Record<Kind, string | undefined> = {
  value: "values",
  messages: "lists",
  counter: "counters",
  bucket: "buckets",
  fence: "locks",
  lock: undefined,
  ranking: "rankings",
};

/** What a user calls the thing that a key is about; undefined for what is not counted. */
export function kindOf(key: string): string | undefined {
  return COUNTED[keyParts(key).kind ?? "lock"];
}

/** Zero of each kind. */
export const countsOf = (): Record<string, number> =>
  Object.fromEntries(Object.values(COUNTED).flatMap((kind) => (kind ? [[kind, 0]] : [])));

/** How many keys or messages one call reads at most: nobody else is served meanwhile. */
const PAGE = 1_000;

const optional = (value: number | undefined) => value ?? "";
const isOne = (answer: unknown) => answer === 1;

/** One tenant's keys in a Redis database. */
export function redisBackend(client: RedisClient, tenant: string): SessionBackend {
  const prefix = `t:${tenant}:`;
  const key = (kind: Kind, name: string) => `${prefix}${kind}:${name}`;
  return {
    ...values(client, key),
    ...lists(client, key),
    ...numbers(client, key),
    ...rankings(client, key),
    ...locks(client, key),
    removeNames: (start) => removeKeys(client, tenant, start),
    async publish(channel, json) {
      await client.run((redis) => redis.publish(`${prefix}channel:${channel}`, json));
    },
    listen: (channel, receive, fail) => client.listen(`${prefix}channel:${channel}`, receive, fail),
  };
}

type KeyOf = (kind: Kind, name: string) => string;

function values(client: RedisClient, key: KeyOf) {
  return {
    set(name, json, { ttlMs, ifAbsent }) {
      const at = key("value", name);
      const answer = client.run((redis) => {
        if (ttlMs === undefined) return ifAbsent ? redis.set(at, json, "NX") : redis.set(at, json);
        return ifAbsent ? redis.set(at, json, "PX", ttlMs, "NX") : redis.set(at, json, "PX", ttlMs);
      });
      return answer.then((said) => said === "OK");
    },
    async setFenced(name, json, { ttlMs, ifAbsent, fence: { lock, token } }) {
      const keys = [key("value", name), key("fence", lock)];
      const done = await client.script(scripts.setFenced, keys, [json, token, optional(ttlMs), ifAbsent ? "NX" : ""]);
      return done === -1 ? undefined : isOne(done);
    },
    get: (name) => client.run((redis) => redis.get(key("value", name)), "repeatable"),
    async getMany(names) {
      const all: (string | null)[] = [];
      while (all.length < names.length) {
        const keys = names.slice(all.length, all.length + PAGE).map((name) => key("value", name));
        all.push(...((await client.script(scripts.getSome, keys, [], "repeatable")) as (string | null)[]));
      }
      return all;
    },
    delete: async (name) => isOne(await client.run((redis) => redis.unlink(key("value", name)))),
    async expire(name, ttlMs) {
      const at = key("value", name);
      if (ttlMs === null) return isOne(await client.script(scripts.persist, [at], []));
      return isOne(await client.run((redis) => redis.pexpire(at, ttlMs)));
    },
    async ttl(name) {
      const left = await client.run((redis) => redis.pttl(key("value", name)), "repeatable");
      return left === -2 ? undefined : left === -1 ? null : left;
    },
    async *keys(start) {
      const seen = new Set<string>(); // a cursor may come by a key twice
      const from = key("value", "");
      for await (const found of scan(client, `${from}${start.replace(/[\\*?[\]^]/g, "\\$&")}*`)) {
        for (const one of found) {
          if (seen.has(one)) continue;
          seen.add(one);
          yield one.slice(from.length);
        }
      }
    },
  } satisfies Partial<SessionBackend>;
}

/** Keys by pattern, some hundreds at a time; all that were there from start to end, a few of them perhaps twice. */
export async function* scan(client: RedisClient, pattern: string): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    const [next, found] = await client.run(
      (redis) => redis.scan(cursor, "MATCH", pattern, "COUNT", PAGE),
      "repeatable",
    );
    cursor = next;
    if (found.length > 0) yield found;
  } while (cursor !== "0");
}

/** Removes a tenant's keys whose name begins with `start`; counts them by kind. */
export async function removeKeys(client: RedisClient, tenant: string, start: string): Promise<Record<string, number>> {
  const counts = countsOf();
  const isMine = (key: string) => {
    const { kind, name } = keyParts(key);
    return kind !== undefined && name.startsWith(start); // no kind: another role's
  };
  for await (const found of scan(client, `t:${tenant}:*`)) {
    const mine = found.filter(isMine);
    for (const [kind, keys = []] of Object.entries(Object.groupBy(mine, (key) => kindOf(key) ?? ""))) {
      const removed = await client.run((redis) => redis.unlink(keys));
      if (kind) counts[kind] = (counts[kind] ?? 0) + removed;
    }
  }
  return counts;
}

function lists(client: RedisClient, key: KeyOf) {
  type Entry = Parameters<typeof message>[0];
  async function read(list: string, command: "XRANGE" | "XREVRANGE", from: string, count: number) {
    const all: KeptMessage[] = [];
    const end = command === "XRANGE" ? "+" : "-";
    for (let start = from; ; ) {
      const args = [command, start, end, Math.min(count - all.length, PAGE)];
      const answer = await client.script(scripts.someMessages, [key("messages", list)], args, "repeatable");
      const [ended, entries] = answer as [number, Entry[]];
      for (const entry of entries) all.push(message(entry));
      const last = all.at(-1)?.seq;
      if (isOne(ended) || all.length >= count || last === undefined) return all;
      start = String(command === "XRANGE" ? last + 1 : last - 1);
    }
  }
  return {
    async append(list, jsons, { keep, ttlMs }) {
      const args = [optional(keep), optional(ttlMs), ...jsons];
      const [seq, length] = (await client.script(scripts.append, [key("messages", list)], args)) as [number, number];
      return { seq, length };
    },
    newest: async (list, count) => (await read(list, "XREVRANGE", "+", count)).reverse(),
    after: (list, seq, limit) => read(list, "XRANGE", String(seq + 1), limit),
    clearMessages: async (list) => isOne(await client.run((redis) => redis.unlink(key("messages", list)))),
  } satisfies Partial<SessionBackend>;
}

/** A message of an entry of its stream. */
export function message([id, fields]: [id: string, fields: string[]]): KeptMessage {
  const [seq, at] = id.split("-");
  return { seq: Number(seq), at: Number(at), json: fields[1] ?? "null" };
}

function numbers(client: RedisClient, key: KeyOf) {
  return {
    async increment(counter, by, ttlMs) {
      const sum = await client.script(scripts.increment, [key("counter", counter)], [by, optional(ttlMs)]);
      return sum === null ? undefined : Number(sum) + 0;
    },
    counter: async (name) => Number((await client.run((redis) => redis.get(key("counter", name)), "repeatable")) ?? 0),
    resetCounter: async (name) => isOne(await client.run((redis) => redis.del(key("counter", name)))),
    async takeTokens(bucket, limit, windowMs, cost) {
      const answer = await client.script(scripts.takeTokens, [key("bucket", bucket)], [limit, windowMs, cost]);
      const [allowed, remaining, retryAfterMs] = answer as [number, number, number];
      return { allowed: isOne(allowed), remaining, retryAfterMs };
    },
  } satisfies Partial<SessionBackend>;
}

/** Scores are kept negated: the server orders upwards by score, then by the bytes of the member, which is the order of code points. */
function rankings(client: RedisClient, key: KeyOf) {
  const negated = (score: string | number) => 0 - Number(score); // 0 - 0 is 0, not -0
  return {
    async setScore(ranking, member, score) {
      await client.run((redis) => redis.zadd(key("ranking", ranking), negated(score), member));
    },
    async addScore(ranking, member, by) {
      const sum = await client.script(scripts.addScore, [key("ranking", ranking)], [member, negated(by)]);
      return sum === null ? undefined : negated(String(sum));
    },
    async ranking(name, offset, limit) {
      const at = key("ranking", name);
      const flat = await client.run(
        (redis) => redis.zrange(at, offset, String(offset + limit - 1), "WITHSCORES"),
        "repeatable",
      );
      return Array.from({ length: flat.length / 2 }, (_, i) => ({
        member: flat[i * 2] as string,
        score: negated(flat[i * 2 + 1] as string),
      }));
    },
    async rankOf(ranking, member) {
      const found = await client.script(scripts.rankOf, [key("ranking", ranking)], [member], "repeatable");
      if (found === null) return undefined;
      const [place, score] = found as [number, string];
      return { score: negated(score), rank: place + 1 };
    },
    removeRanked: async (ranking, member) =>
      isOne(await client.run((redis) => redis.zrem(key("ranking", ranking), member))),
  } satisfies Partial<SessionBackend>;
}

function locks(client: RedisClient, key: KeyOf) {
  return {
    async acquire(lock, ttlMs) {
      const keys = [key("lock", lock), key("fence", lock)];
      const answer = Number(await client.script(scripts.acquire, keys, [ttlMs, FENCE_MS]));
      return answer > 0 ? { token: answer } : { busyMs: -answer };
    },
    extend: async (lock, token, ttlMs) =>
      isOne(await client.script(scripts.extend, [key("lock", lock), key("fence", lock)], [token, ttlMs, FENCE_MS])),
    release: async (lock, token) => isOne(await client.script(scripts.release, [key("lock", lock)], [token])),
  } satisfies Partial<SessionBackend>;
}
