import { type RedisClient, script } from "../clients/redis.ts";
import { isTenant } from "../input.ts";
import { byCodePoint } from "../order.ts";
import type { Portable } from "../role.ts";
import { FENCE_MS } from "./backend.ts";
import { type Keeper, type Reader, sessionPortable } from "./records.ts";
import { type Kind, keyParts, message, scan } from "./redis-store.ts";

/** Keys that one call reads at most, unless their values are large; and messages. */
const PAGE = 500;
const BYTES = 4 << 20;

/** All that the role keeps in a Redis database, out and in. Names and members are held in memory, to be put in order; values are not. */
export function redisPortable(client: RedisClient): Portable {
  return sessionPortable({ reader: () => reader(client), write: writers(client) });
}

const keyOf = (tenant: string, kind: Kind, name: string) => `t:${tenant}:${kind}:${name}`;

/** A key's end in milliseconds since 1970, -1 for none. Servers that cannot say it know the time that is left. */
const ENDS = `
local function ends(key)
  local at = redis.pcall('PEXPIRETIME', key)
  if type(at) == 'number' then return at end
  local left = redis.call('PTTL', key)
  if left < 0 then return -1 end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + left
end`;

/** Keys. Of the first ones, as many as make a reply of bounded size and at least one: {value, end}, or {} for one that is gone. */
const someValues = script(`${ENDS}
local found, bytes = {}, 0
for i = 1, #KEYS do
  local value = redis.call('GET', KEYS[i])
  found[i] = value and {value, ends(KEYS[i])} or {}
  if value then bytes = bytes + #value end
  if bytes > ${BYTES} then break end
end
return found`);

/** Keys. The end of each, or 0 for one that is gone. */
const someEnds = script(`${ENDS}
local found = {}
for i = 1, #KEYS do
  found[i] = redis.call('EXISTS', KEYS[i]) == 1 and ends(KEYS[i]) or 0
end
return found`);

/** List. Its entries from an id on, as many as make a reply of bounded size and at least one. */
const someEntries = script(`
local entries, bytes, from = {}, 0, ARGV[1]
while #entries < ${PAGE} and bytes <= ${BYTES} do
  local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 2)
  for _, entry in ipairs(found) do
    entries[#entries + 1] = entry
    bytes = bytes + #entry[2][2]
  end
  if #found < 2 then break end
  from = string.format('%.0f', string.match(entries[#entries][1], '^%d+') + 1)
end
return entries`);

const endOf = (milliseconds: number) => (milliseconds < 0 ? null : milliseconds);

function reader(client: RedisClient): Reader {
  const found = new Map<string, Map<Kind, Set<string>>>();
  async function look(pattern: string): Promise<void> {
    for await (const keys of scan(client, pattern)) {
      for (const key of keys) {
        const { tenant, kind, name } = keyParts(key);
        if (!kind || !isTenant(tenant)) continue;
        const kinds = found.get(tenant) ?? new Map<Kind, Set<string>>();
        found.set(tenant, kinds);
        kinds.set(kind, (kinds.get(kind) ?? new Set()).add(name));
      }
    }
  }
  async function names(tenant: string, kind: Kind): Promise<string[]> {
    if (!found.has(tenant)) await look(`t:${tenant}:*`);
    return [...(found.get(tenant)?.get(kind) ?? [])].sort(byCodePoint);
  }
  async function* texts(tenant: string, kind: Kind) {
    for (let left = await names(tenant, kind); left.length > 0; ) {
      const keys = left.slice(0, PAGE).map((name) => keyOf(tenant, kind, name));
      const page = (await client.script(someValues, keys, [], "repeatable")) as ([string, number] | [])[];
      for (const [i, [text, ends = -1]] of page.entries())
        if (text !== undefined) yield { name: left[i] as string, text, expires: endOf(ends) };
      left = left.slice(page.length);
    }
  }

  return {
    async tenants() {
      await look("t:*");
      return [...found.keys()];
    },
    of: {
      async *counter(tenant) {
        for await (const { name, text, expires } of texts(tenant, "counter"))
          yield { name, value: Number(text), expires };
      },
      async *fence(tenant) {
        for await (const { name, text } of texts(tenant, "fence")) yield { name, token: Number(text) };
      },
      async *list(tenant) {
        const all = await names(tenant, "messages");
        for (let at = 0; at < all.length; at += PAGE) {
          const some = all.slice(at, at + PAGE);
          const keys = some.map((name) => keyOf(tenant, "messages", name));
          const ends = (await client.script(someEnds, keys, [], "repeatable")) as number[];
          for (const [i, name] of some.entries()) if (ends[i]) yield { name, expires: endOf(ends[i]) };
        }
      },
      async *message(tenant) {
        for (const list of await names(tenant, "messages")) {
          for (let from = 0; ; ) {
            const args = [from === 0 ? "-" : from];
            const entries = await client.script(someEntries, [keyOf(tenant, "messages", list)], args, "repeatable");
            const page = (entries as Parameters<typeof message>[0][]).map(message);
            for (const one of page) yield { list, ...one };
            const last = page.at(-1);
            if (!last) break;
            from = last.seq + 1;
          }
        }
      },
      async *score(tenant) {
        for (const ranking of await names(tenant, "ranking")) {
          const scores = await members(client, keyOf(tenant, "ranking", ranking));
          for (const member of [...scores.keys()].sort(byCodePoint))
            yield { ranking, member, score: 0 - Number(scores.get(member)) }; // it is kept negated
        }
      },
      async *value(tenant) {
        for await (const { name, text, expires } of texts(tenant, "value")) yield { name, json: text, expires };
      },
    },
  };
}

async function members(client: RedisClient, key: string): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (let cursor = "0"; ; ) {
    const [next, flat] = await client.run((redis) => redis.zscan(key, cursor, "COUNT", 1_000), "repeatable");
    for (let i = 0; i < flat.length; i += 2) all.set(flat[i] as string, flat[i + 1] as string);
    cursor = next;
    if (cursor === "0") return all;
  }
}

/** Keys. For each: text, end or "". What has ended by the server's clock is not kept. Counts what is. */
const putTexts = script(`
local kept = 0
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[i * 2 - 1])
  if ARGV[i * 2] ~= '' then redis.call('PEXPIREAT', KEYS[i], ARGV[i * 2]) end
  kept = kept + redis.call('EXISTS', KEYS[i])
end
return kept`);

/** Keys. For each its token; then the milliseconds that it is known for. A greater one that is there stays. */
const putFences = script(`
for i = 1, #KEYS do
  local token = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), tonumber(ARGV[i]))
  redis.call('SET', KEYS[i], string.format('%.0f', token), 'PX', ARGV[#KEYS + 1])
end
return #KEYS`);

/** Keys. For each its end or "". Lists without messages, whose numbers begin at 1. Counts those that have not ended. */
const putLists = script(`
local kept = 0
for i = 1, #KEYS do
  redis.call('DEL', KEYS[i])
  redis.call('XADD', KEYS[i], '0-1', 'v', '')
  redis.call('XDEL', KEYS[i], '0-1')
  if ARGV[i] ~= '' then redis.call('PEXPIREAT', KEYS[i], ARGV[i]) end
  kept = kept + redis.call('EXISTS', KEYS[i])
end
return kept`);

/** Key of the list of each message. For each: id, JSON. Counts those whose list is there. */
const putMessages = script(`
local kept = 0
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('XADD', KEYS[i], ARGV[i * 2 - 1], 'v', ARGV[i * 2])
    kept = kept + 1
  end
end
return kept`);

/** Key of the ranking of each member. For each: kept score, member. */
const putScores = script(`
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[i * 2 - 1], ARGV[i * 2])
end
return #KEYS`);

function writers(client: RedisClient): Keeper["write"] {
  const send = async (one: ReturnType<typeof script>, keys: string[], args: (string | number)[]) =>
    Number(await client.script(one, keys, args));
  const texts = (tenant: string, kind: Kind, some: { name: string; text: string; expires: number | null }[]) =>
    send(
      putTexts,
      some.map(({ name }) => keyOf(tenant, kind, name)),
      some.flatMap(({ text, expires }) => [text, expires ?? ""]),
    );
  return {
    counter: (tenant, some) =>
      texts(
        tenant,
        "counter",
        some.map(({ name, value, expires }) => ({ name, text: String(value), expires })),
      ),
    fence: (tenant, some) =>
      send(
        putFences,
        some.map(({ name }) => keyOf(tenant, "fence", name)),
        [...some.map(({ token }) => token), FENCE_MS],
      ),
    list: (tenant, some) =>
      send(
        putLists,
        some.map(({ name }) => keyOf(tenant, "messages", name)),
        some.map(({ expires }) => expires ?? ""),
      ),
    message: (tenant, some) =>
      send(
        putMessages,
        some.map(({ list }) => keyOf(tenant, "messages", list)),
        some.flatMap(({ seq, at, json }) => [`${seq}-${at}`, json]),
      ),
    score: (tenant, some) =>
      send(
        putScores,
        some.map(({ ranking }) => keyOf(tenant, "ranking", ranking)),
        some.flatMap(({ member, score }) => [0 - score, member]),
      ),
    value: (tenant, some) =>
      texts(
        tenant,
        "value",
        some.map(({ name, json, expires }) => ({ name, text: json, expires })),
      ),
  };
}
