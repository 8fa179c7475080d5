import type { RedisClient } from "../clients/redis.ts";
import { byCodePoint } from "../order.ts";
import { partOf } from "../runs.ts";
import type { Appended, EventBackend, GroupState, KeptEvent, Place } from "./backend.ts";
import * as scripts from "./redis-scripts.ts";

/** What a key is about: `t:<tenant>:<kind>`, of all streams, or `t:<tenant>:<kind>:<stream>`. */
export const KINDS = [
  "event",
  "event-head",
  "event-ids",
  "event-names",
  "event-groups",
  "event-grouped",
  "event-due",
  "event-held",
] as const;
export type Kind = (typeof KINDS)[number];

/** How many streams or groups are read at once: nobody else is served meanwhile. */
const PAGE = 500;

type Entry = [id: string, fields: string[]];

/** Names of keys. Those of a group begin with the length of the stream's name, since names may have any sign in them. */
export class Keys {
  readonly #tenant: string;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  readonly of = (kind: Kind, stream: string): string => `t:${this.#tenant}:${kind}:${stream}`;
  /** Names of all streams, or of those that have groups, in code-point order. */
  readonly all = (kind: "event-names" | "event-grouped"): string => `t:${this.#tenant}:${kind}`;
  readonly group = (kind: "event-due" | "event-held", stream: string, group: string): string =>
    `t:${this.#tenant}:${kind}:${stream.length}:${stream}:${group}`;
  readonly channel = (stream: string): string => `t:${this.#tenant}:event-appended:${stream}`;
}

/** One tenant's keys in a Redis database. */
export function redisBackend(client: RedisClient, tenant: string): EventBackend {
  const keys = new Keys(tenant);
  return {
    ...logs(client, keys),
    ...groups(client, keys),
    ...states(client, keys),
    removeRun: (run) => removeRun(client, keys, run),
  };
}

/** Every key of a stream and of its groups, and the names of all. */
async function keysOf(client: RedisClient, keys: Keys, stream: string): Promise<string[]> {
  const groups = await client.run((redis) => redis.hkeys(keys.of("event-groups", stream)), "repeatable");
  return [
    keys.of("event", stream),
    keys.of("event-head", stream),
    keys.of("event-ids", stream),
    keys.all("event-names"),
    keys.all("event-grouped"),
    keys.of("event-groups", stream),
    ...groups.flatMap((group) => [keys.group("event-due", stream, group), keys.group("event-held", stream, group)]),
  ];
}

/** Stream by stream, also those that have groups and no events. */
async function removeRun(client: RedisClient, keys: Keys, run: string) {
  const { from, to } = partOf(run);
  const counts = { streams: 0, events: 0, groups: 0 };
  const some = (all: "event-names" | "event-grouped") =>
    client.run((redis) => redis.zrangebylex(keys.all(all), `[${from}`, `(${to}`, "LIMIT", 0, PAGE), "repeatable");
  for (;;) {
    const names = new Set([...(await some("event-names")), ...(await some("event-grouped"))]);
    if (names.size === 0) return counts;
    for (const stream of names) {
      const gone = await client.script(scripts.removeStream, await keysOf(client, keys, stream), [stream]);
      const [streams, events, groups] = gone as [number, number, number];
      counts.streams += streams;
      counts.events += events;
      counts.groups += groups;
    }
  }
}

const kept = ([id, fields]: Entry): KeptEvent => ({
  version: Number(id.split("-")[0]),
  at: Number(fields[1]),
  type: fields[3] ?? "",
  data: JSON.parse(fields[5] ?? "null"),
  id: fields[7] ?? null,
});

const namesFrom = (client: RedisClient, key: string, start: string): Promise<string[]> =>
  client.run((redis) => redis.zrangebylex(key, start, "+", "LIMIT", 0, PAGE), "repeatable");

/** The groups of a stream in order, each with its version and what it missed. Not as an object: a name may be `__proto__`. */
async function groupsOf(client: RedisClient, keys: Keys, stream: string) {
  const key = keys.of("event-groups", stream);
  const names = (await client.run((redis) => redis.hkeys(key), "repeatable")).sort(byCodePoint);
  if (names.length === 0) return [];
  const found = await client.run((redis) => redis.hmget(key, ...names), "repeatable");
  return names.map((group, i) => {
    const [handed = 0, missed = 0] = (found[i] ?? "").split(" ").map(Number);
    return { group, handed, missed };
  });
}

function logs(client: RedisClient, keys: Keys) {
  async function head(stream: string): Promise<number> {
    return Number((await client.run((redis) => redis.hget(keys.of("event-head", stream), "head"), "repeatable")) ?? 0);
  }
  return {
    head,
    async append(stream, events, expected) {
      const all = [
        keys.of("event", stream),
        keys.of("event-head", stream),
        keys.of("event-ids", stream),
        keys.all("event-names"),
      ];
      const args = events.flatMap(({ type, json, id }) => [type, json, id ?? ""]);
      // One that was done before is known by its ids.
      const repeatable = events.every(({ id }) => id !== null) ? "repeatable" : undefined;
      const answer = await client.script(
        scripts.append,
        all,
        [stream, expected ?? "", keys.channel(stream), ...args],
        repeatable,
      );
      const [outcome, version] = answer as [Appended["outcome"], number];
      return { outcome, version };
    },
    async read(stream, after, limit, backwards) {
      const all: KeptEvent[] = [];
      const least = String(after + 1);
      for (let from = backwards ? "+" : least; ; ) {
        const range = backwards ? ["XREVRANGE", from, least] : ["XRANGE", from, "+"];
        const args = [...range, limit - all.length];
        const answer = await client.script(scripts.read, [keys.of("event", stream)], args, "repeatable");
        const [ended, entries] = answer as [number, Entry[]];
        for (const entry of entries) all.push(kept(entry));
        const last = all.at(-1)?.version;
        if (ended === 1 || all.length >= limit || last === undefined) return all;
        from = String(backwards ? last - 1 : last + 1);
      }
    },
    async streams(from, after) {
      const start = byCodePoint(from, after) > 0 ? `[${from}` : after === "" ? "-" : `(${after}`;
      const names = await namesFrom(client, keys.all("event-names"), start);
      if (names.length === 0) return [];
      const heads = names.map((name) => keys.of("event-head", name));
      const found = (await client.script(scripts.heads, heads, [], "repeatable")) as [string, string][];
      return names.map((stream, i) => ({ stream, head: Number(found[i]?.[0]), at: Number(found[i]?.[1]) }));
    },
    async trim(stream, upTo, before) {
      const both = [keys.of("event", stream), keys.of("event-ids", stream)];
      for (let removed = 0; ; ) {
        const [ended, some] = (await client.script(scripts.trim, both, [upTo ?? "", before ?? ""])) as [number, number];
        removed += some;
        if (ended === 1) return removed;
      }
    },
    listen: (stream, ring) => client.listen(keys.channel(stream), ring, () => {}),
  } satisfies Partial<EventBackend>;
}

function groups(client: RedisClient, keys: Keys) {
  const held = ({ stream, group }: Pick<Place, "stream" | "group">) => [
    keys.group("event-due", stream, group),
    keys.group("event-held", stream, group),
  ];
  return {
    async groups(stream) {
      const at = keys.of("event-head", stream);
      const head = Number((await client.run((redis) => redis.hget(at, "head"), "repeatable")) ?? 0);
      return Promise.all(
        (await groupsOf(client, keys, stream)).map(async ({ group, handed }) => {
          const due = keys.group("event-due", stream, group);
          const pending = await client.run((redis) => redis.zcard(due), "repeatable");
          return { group, version: handed, pending, behind: Math.max(0, head - handed) };
        }),
      );
    },
    async join(stream, group, from) {
      const all = [keys.of("event-head", stream), keys.of("event-groups", stream), keys.all("event-grouped")];
      await client.script(scripts.join, all, [group, from, stream], "repeatable");
    },
    async take(place, { batch, ackMs, done, resume }) {
      const { stream, group, consumer } = place;
      const all = [
        keys.of("event", stream),
        keys.of("event-head", stream),
        keys.of("event-groups", stream),
        ...held(place),
      ];
      const answer = await client.script(scripts.take, all, [group, consumer, batch, ackMs, resume ? 1 : 0, ...done]);
      if (answer === null) return undefined;
      const [due, taken] = answer as [number, [Entry, number, number][]];
      const events = taken.map(([entry, count, missed]) => ({ ...kept(entry), count, missed }));
      return { events, dueMs: due < 0 ? null : due };
    },
    async acknowledge(place, versions) {
      await client.script(scripts.acknowledge, held(place), [place.consumer, ...versions], "repeatable");
    },
    async giveBack(place, versions, delayMs, seen) {
      const args = [place.consumer, delayMs, seen ? 1 : 0, ...versions];
      await client.script(scripts.giveBack, held(place), args, "repeatable");
    },
  } satisfies Partial<EventBackend>;
}

function states(client: RedisClient, keys: Keys) {
  return {
    async groupStates(after) {
      const all: (GroupState & { stream: string })[] = [];
      const start = after.stream === "" ? "-" : `[${after.stream}`;
      for (const stream of await namesFrom(client, keys.all("event-grouped"), start)) {
        for (const { group, ...state } of await groupsOf(client, keys, stream)) {
          if (stream === after.stream && byCodePoint(group, after.group) <= 0) continue;
          const key = keys.group("event-held", stream, group);
          const held = Object.entries(await client.run((redis) => redis.hgetall(key), "repeatable"));
          const pending = held.map(([version, text]) => {
            const [count = 0, missed = 0] = text.split(" ").map(Number);
            return { version: Number(version), count, missed };
          });
          all.push({ stream, group, ...state, pending: pending.sort((a, b) => a.version - b.version) });
        }
        if (all.length >= PAGE) return all;
      }
      return all;
    },
    async restoreStream({ stream, head, at }) {
      await client.script(scripts.restoreStream, await keysOf(client, keys, stream), [stream, head, at], "repeatable");
    },
    async restoreEvents(stream, events) {
      const all = [keys.of("event", stream), keys.of("event-head", stream), keys.of("event-ids", stream)];
      const args = events.flatMap(({ version, at, type, data, id }) => [
        version,
        at,
        type,
        JSON.stringify(data),
        id ?? "",
      ]);
      return events.length === 0 || (await client.script(scripts.restoreEvents, all, args)) === 1;
    },
    async restoreGroup(stream, { group, handed, missed, pending }) {
      const all = [
        keys.of("event-groups", stream),
        keys.group("event-due", stream, group),
        keys.group("event-held", stream, group),
        keys.all("event-grouped"),
      ];
      const args = pending.flatMap((one) => [one.version, one.count, one.missed]);
      await client.script(scripts.restoreGroup, all, [stream, group, handed, missed, ...args], "repeatable");
    },
  } satisfies Partial<EventBackend>;
}
