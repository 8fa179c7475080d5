import { checkTenant } from "../input.ts";
import { byCodePoint } from "../order.ts";
import { partOf } from "../runs.ts";
import type { EventBackend, Handed, KeptEvent, Place, Removed } from "./backend.ts";
import type { OpenEvent } from "./contract.ts";
import { eventFleet, type FleetBackend } from "./fleet.ts";
import { closeAll, eventStore, type Subscriptions } from "./store.ts";
import { ringAll, streamKey, whenRung } from "./wake.ts";

interface Held {
  consumer: string;
  until: number;
  count: number;
  missed: number;
}
interface Group {
  handed: number;
  missed: number;
  held: Map<number, Held>;
}
/** A stream that has groups and no events yet is at version 0. */
interface Stream {
  head: number;
  at: number;
  events: KeptEvent[];
  ids: Map<string, number>;
  groups: Map<string, Group>;
}
type State = Map<string, Map<string, Stream>>;
const states = new Map<string, State>();

const can = { durable: false, shared: false, expectedVersion: true, idempotent: true };
const why = { durable: "It lives in this process's memory.", shared: "Another process has a memory of its own." };

/**
 * The `event` role in this process's memory: for tests and for trying things out. Everything in this process that opens `inprocess:` shares one state,
 * and `inprocess:name` another.
 */
const open: OpenEvent = (url) => {
  const state = states.get(url) ?? new Map();
  states.set(url, state);
  const subscriptions: Subscriptions = new Set();
  const backend = (tenant: string) => memoryBackend(state, checkTenant(tenant));
  const over = (backend: EventBackend) => eventStore(backend, can, why, subscriptions);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: eventFleet(memoryFleet(state)),
    health: async () => "in-process memory",
    close: () => closeAll(subscriptions),
  };
};
export default open;

const PAGE = 1_000;
const sorted = <T>(all: Iterable<readonly [string, T]>) => [...all].sort(([a], [b]) => byCodePoint(a, b));
const empty = (): Stream => ({ head: 0, at: 0, events: [], ids: new Map(), groups: new Map() });

function memoryBackend(state: State, tenant: string): EventBackend {
  const streams = () => state.get(tenant) ?? new Map<string, Stream>();
  const made = (name: string): Stream => {
    const all = streams();
    const stream = all.get(name) ?? empty();
    state.set(tenant, all.set(name, stream));
    return stream;
  };
  return {
    ...logs(tenant, streams, made),
    ...groups(streams, made),
    ...restoring(streams, made),
    async removeRun(run) {
      const gone = [...streams()].filter(([name]) => name.startsWith(partOf(run).from));
      for (const [name] of gone) streams().delete(name);
      if (streams().size === 0) state.delete(tenant);
      return sizesOf(gone.map(([, stream]) => stream));
    },
  };
}

function sizesOf(streams: readonly Stream[]): Removed {
  const sum = (of: (stream: Stream) => number) => streams.reduce((n, one) => n + of(one), 0);
  return {
    streams: sum(({ head }) => Math.min(head, 1)),
    events: sum(({ events }) => events.length),
    groups: sum(({ groups }) => groups.size),
  };
}

type Streams = () => Map<string, Stream>;
type Made = (name: string) => Stream;

function logs(tenant: string, streams: Streams, made: Made) {
  return {
    async append(name, events, expected) {
      const now = streams().get(name) ?? empty();
      const ids = events.flatMap(({ id }) => (id === null ? [] : [id]));
      const known = ids.flatMap((id) => now.ids.get(id) ?? []);
      if (known.length > 0 && known.length < ids.length) return { outcome: "partly", version: now.head };
      if (known.length > 0) return { outcome: "repeated", version: Math.max(...known) };
      if (expected !== undefined && expected !== now.head) return { outcome: "conflict", version: now.head };
      const stream = made(name);
      stream.at = Math.max(stream.at, Date.now() * 1000);
      for (const { type, json, id } of events) {
        stream.events.push({ version: ++stream.head, at: stream.at, type, data: JSON.parse(json), id });
        if (id !== null) stream.ids.set(id, stream.head);
      }
      ringAll(streamKey(tenant, name));
      return { outcome: "appended", version: stream.head };
    },
    async read(name, after, limit, backwards) {
      const { events } = streams().get(name) ?? empty();
      const from = firstBehind(events, after);
      const found = backwards ? events.slice(from).reverse().slice(0, limit) : events.slice(from, from + limit);
      return structuredClone(found); // what a caller changes is his own
    },
    head: async (name) => streams().get(name)?.head ?? 0,
    async streams(from, after) {
      return sorted(streams())
        .filter(([name, { head }]) => head > 0 && byCodePoint(name, from) >= 0 && byCodePoint(name, after) > 0)
        .slice(0, PAGE)
        .map(([stream, { head, at }]) => ({ stream, head, at }));
    },
    async trim(name, upTo, before) {
      const stream = streams().get(name) ?? empty();
      const goes = ({ version, at }: KeptEvent) =>
        (upTo === null || version <= upTo) && (before === null || at < before);
      const kept = stream.events.findIndex((event) => !goes(event));
      const gone = stream.events.splice(0, kept < 0 ? stream.events.length : kept);
      for (const { id } of gone) if (id !== null) stream.ids.delete(id);
      return gone.length;
    },
    async listen(name, ring) {
      const stop = whenRung(streamKey(tenant, name), ring);
      return async () => stop();
    },
  } satisfies Partial<EventBackend>;
}

/** Where the events behind a version begin. */
function firstBehind(events: readonly KeptEvent[], version: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.version ?? 0) > version) high = middle;
    else low = middle + 1;
  }
  return low;
}
const find = (events: readonly KeptEvent[], version: number) => {
  const found = events[firstBehind(events, version - 1)];
  return found?.version === version ? found : undefined;
};

function groups(streams: Streams, made: Made) {
  const groupOf = ({ stream, group }: Place) => streams().get(stream)?.groups.get(group);
  /** Those of them that the consumer holds. */
  function* mine(place: Place, versions: Iterable<number>) {
    const held = groupOf(place)?.held;
    for (const version of versions) {
      const one = held?.get(version);
      if (held && one?.consumer === place.consumer) yield { held, version, one };
    }
  }
  return {
    async groups(name) {
      const { head, groups } = streams().get(name) ?? empty();
      return sorted(groups).map(([group, { handed, held }]) => ({
        group,
        version: handed,
        pending: held.size,
        behind: Math.max(0, head - handed),
      }));
    },
    async join(name, group, from) {
      const { head, groups } = made(name);
      if (!groups.has(group)) groups.set(group, { handed: from === "now" ? head : from, missed: 0, held: new Map() });
    },
    async take(place, { batch, ackMs, done, resume }) {
      const [stream, group] = [streams().get(place.stream), groupOf(place)];
      if (!stream || !group) return undefined;
      for (const { held, version } of mine(place, done)) held.delete(version);
      if (resume) for (const { one } of mine(place, [...group.held.keys()])) one.until = 0;
      const events = takeFrom(stream, group, place.consumer, batch, ackMs);
      const next = Math.min(...[...group.held.values()].map(({ until }) => until));
      return { events, dueMs: Number.isFinite(next) ? Math.max(1, next - Date.now()) : null };
    },
    async acknowledge(place, versions) {
      for (const { held, version } of mine(place, versions)) held.delete(version);
    },
    async giveBack(place, versions, delayMs, seen) {
      for (const { one } of mine(place, versions)) {
        one.consumer = "";
        one.until = Date.now() + delayMs;
        if (!seen) one.count--;
      }
    },
  } satisfies Partial<EventBackend>;
}

function takeFrom(stream: Stream, group: Group, consumer: string, batch: number, ackMs: number): Handed[] {
  const now = Date.now();
  const until = now + ackMs;
  const handed: { event: KeptEvent; held: Held }[] = [];
  const due = [...group.held]
    .filter(([, held]) => held.until <= now)
    .sort(([a, x], [b, y]) => x.until - y.until || a - b);
  for (const [version, held] of due.slice(0, batch)) {
    const event = find(stream.events, version);
    if (event) handed.push({ event, held: Object.assign(held, { consumer, until, count: held.count + 1 }) });
    else {
      group.missed += held.missed + 1;
      group.held.delete(version);
    }
  }
  const from = firstBehind(stream.events, group.handed);
  const room = Math.max(0, batch - Math.min(due.length, batch));
  for (const event of stream.events.slice(from, from + room)) {
    const held = { consumer, until, count: 1, missed: event.version - group.handed - 1 };
    group.held.set(event.version, held);
    group.handed = event.version;
    handed.push({ event, held });
  }
  if (stream.events.length === from && stream.head > group.handed && room > 0) {
    group.missed += stream.head - group.handed;
    group.handed = stream.head;
  }
  handed.sort((a, b) => a.event.version - b.event.version);
  const [first] = handed;
  if (first) {
    first.held.missed += group.missed;
    group.missed = 0;
  }
  return handed.map(({ event, held }) => ({ ...structuredClone(event), count: held.count, missed: held.missed }));
}

function restoring(streams: Streams, made: Made) {
  return {
    async groupStates(after) {
      const behind = (stream: string, group: string) =>
        (byCodePoint(stream, after.stream) || byCodePoint(group, after.group)) > 0;
      return sorted(streams()).flatMap(([stream, { groups }]) =>
        sorted(groups).flatMap(([group, { handed, missed, held }]) => {
          if (!behind(stream, group)) return [];
          const pending = [...held].map(([version, one]) => ({ version, count: one.count, missed: one.missed }));
          return [{ stream, group, handed, missed, pending: pending.sort((a, b) => a.version - b.version) }];
        }),
      );
    },
    async restoreStream({ stream, head, at }) {
      Object.assign(made(stream), empty(), { head, at });
    },
    async restoreEvents(name, events) {
      const stream = made(name);
      const [first, last] = [events[0], events.at(-1)];
      if (!first || !last) return true;
      if (stream.head === 0 || (stream.events.at(-1)?.version ?? 0) >= first.version) return false;
      for (const event of structuredClone(events)) {
        stream.events.push(event);
        if (event.id !== null) stream.ids.set(event.id, event.version);
      }
      stream.head = Math.max(stream.head, last.version);
      stream.at = Math.max(stream.at, last.at);
      return true;
    },
    async restoreGroup(name, { group, handed, missed, pending }) {
      const held = pending.map(({ version, ...one }) => [version, { ...one, consumer: "", until: 0 }] as const);
      made(name).groups.set(group, { handed, missed, held: new Map(held) });
    },
  } satisfies Partial<EventBackend>;
}

function memoryFleet(state: State): FleetBackend {
  const count = (streams: Map<string, Stream>) => [...streams.values()].filter(({ head }) => head > 0).length;
  return {
    of: (tenant) => memoryBackend(state, tenant),
    tenants: async () => sorted(state).map(([tenant, streams]) => ({ tenant, streams: count(streams) })),
    async deleteTenant(tenant) {
      const streams = [...(state.get(tenant)?.values() ?? [])];
      state.delete(tenant);
      return sizesOf(streams);
    },
    async purge(olderThanMs) {
      const before = (Date.now() - olderThanMs) * 1000;
      let removed = 0;
      for (const [tenant, streams] of state)
        for (const name of streams.keys()) removed += await memoryBackend(state, tenant).trim(name, null, before);
      return removed;
    },
  };
}
