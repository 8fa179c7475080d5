import { byCodePoint } from "../order.ts";
import { partOf } from "../runs.ts";
import type { Appended, GroupState, Place, Removed, StreamState, TakeOptions } from "./backend.ts";
import type { EventGroup } from "./contract.ts";
import { dueMs, type Group, heldBy, statesOf, takeFrom } from "./machine-groups.ts";

/** What is known of an event without its content. `at` in microseconds since 1970. */
export interface Entry {
  version: number;
  at: number;
  id: string | null;
}

/** A stream that has groups and no events yet is at version 0. */
export interface Stream<E extends Entry> {
  head: number;
  at: number;
  events: E[];
  ids: Map<string, number>;
  groups: Map<string, Group>;
}

/** An event of `entries` that was handed out, how often, and how many were trimmed away before it. */
export interface HandedEntry<E extends Entry> {
  entry: E;
  count: number;
  missed: number;
}

const PAGE = 1_000;
const sorted = <T>(all: Iterable<readonly [string, T]>) => [...all].sort(([a], [b]) => byCodePoint(a, b));
const empty = <E extends Entry>(): Stream<E> => ({ head: 0, at: 0, events: [], ids: new Map(), groups: new Map() });

/**
 * One tenant's streams and groups, and what each act makes of them. It has no clock and no chance in it: whoever gives it the same acts with the same moments has the same
 * streams. Moments that are given are milliseconds since 1970.
 */
export class EventMachine<E extends Entry> {
  readonly streams = new Map<string, Stream<E>>();

  /** Nothing of a stream that is not there. */
  of(name: string): Stream<E> {
    return this.streams.get(name) ?? empty();
  }

  made(name: string): Stream<E> {
    const stream = this.of(name);
    this.streams.set(name, stream);
    return stream;
  }

  /** @param make the entry of the event at this place of the list */
  append(
    name: string,
    ids: readonly (string | null)[],
    expected: number | undefined,
    now: number,
    make: (index: number, version: number, at: number) => E,
  ): Appended {
    const found = this.of(name);
    const given = ids.filter((id) => id !== null);
    const known = given.flatMap((id) => found.ids.get(id) ?? []);
    if (known.length > 0 && known.length < given.length) return { outcome: "partly", version: found.head };
    if (known.length > 0) return { outcome: "repeated", version: Math.max(...known) };
    if (expected !== undefined && expected !== found.head) return { outcome: "conflict", version: found.head };
    const stream = this.made(name);
    stream.at = Math.max(stream.at, now * 1000);
    for (const [index, id] of ids.entries()) {
      stream.events.push(make(index, ++stream.head, stream.at));
      if (id !== null) stream.ids.set(id, stream.head);
    }
    return { outcome: "appended", version: stream.head };
  }

  read(name: string, after: number, limit: number, backwards: boolean): E[] {
    const { events } = this.of(name);
    const from = firstBehind(events, after);
    return backwards ? events.slice(from).reverse().slice(0, limit) : events.slice(from, from + limit);
  }

  page(from: string, after: string): StreamState[] {
    return sorted(this.streams)
      .filter(([name, { head }]) => head > 0 && byCodePoint(name, from) >= 0 && byCodePoint(name, after) > 0)
      .slice(0, PAGE)
      .map(([stream, { head, at }]) => ({ stream, head, at }));
  }

  /** How many events `trim` would remove: up to a version, and before a moment in microseconds; null for any. */
  ended(name: string, upTo: number | null, before: number | null): number {
    const { events } = this.of(name);
    const goes = ({ version, at }: Entry) => (upTo === null || version <= upTo) && (before === null || at < before);
    const kept = events.findIndex((event) => !goes(event));
    return kept < 0 ? events.length : kept;
  }

  trim(name: string, upTo: number | null, before: number | null): number {
    const stream = this.of(name);
    const gone = stream.events.splice(0, this.ended(name, upTo, before));
    for (const { id } of gone) if (id !== null) stream.ids.delete(id);
    return gone.length;
  }

  /** Trims every stream. */
  purge(before: number): number {
    let removed = 0;
    for (const name of this.streams.keys()) removed += this.trim(name, null, before);
    return removed;
  }

  groups(name: string): EventGroup[] {
    const { head, groups } = this.of(name);
    return sorted(groups).map(([group, { handed, held }]) => ({
      group,
      version: handed,
      pending: held.size,
      behind: Math.max(0, head - handed),
    }));
  }

  join(name: string, group: string, from: number | "now"): void {
    const { head, groups } = this.made(name);
    if (!groups.has(group)) groups.set(group, { handed: from === "now" ? head : from, missed: 0, held: new Map() });
  }

  /** Undefined when the group is gone. */
  take(
    place: Place,
    { batch, ackMs, done, resume }: TakeOptions,
    now: number,
  ): { entries: HandedEntry<E>[]; dueMs: number | null } | undefined {
    const stream = this.of(place.stream);
    const group = stream.groups.get(place.group);
    if (!group) return undefined;
    for (const { version } of heldBy(group, place.consumer, done)) group.held.delete(version);
    if (resume) for (const { one } of heldBy(group, place.consumer, [...group.held.keys()])) one.until = 0;
    const entries = takeFrom(stream, group, { consumer: place.consumer, batch, ackMs, now });
    return { entries, dueMs: dueMs(group, now) };
  }

  acknowledge({ stream, group: name, consumer }: Place, versions: readonly number[]): void {
    const group = this.of(stream).groups.get(name);
    if (group) for (const { version } of heldBy(group, consumer, versions)) group.held.delete(version);
  }

  giveBack(
    { stream, group: name, consumer }: Place,
    versions: readonly number[],
    until: { delayMs: number; seen: boolean; now: number },
  ): void {
    const group = this.of(stream).groups.get(name);
    if (!group) return;
    for (const { one } of heldBy(group, consumer, versions)) {
      one.consumer = "";
      one.until = until.now + until.delayMs;
      if (!until.seen) one.count--;
    }
  }

  /** All groups behind a pair of names. */
  groupStates(after: { stream: string; group: string }): (GroupState & { stream: string })[] {
    const behind = (stream: string, group: string) =>
      (byCodePoint(stream, after.stream) || byCodePoint(group, after.group)) > 0;
    return sorted(this.streams).flatMap(([stream, { groups }]) =>
      statesOf(sorted(groups))
        .filter(({ group }) => behind(stream, group))
        .map((state) => ({ stream, ...state })),
    );
  }

  restoreStream({ stream, head, at }: StreamState): void {
    Object.assign(this.made(stream), empty(), { head, at });
  }

  /** False when that is not where they belong. */
  restoreEvents(name: string, events: readonly E[]): boolean {
    const [first, last] = [events[0], events.at(-1)];
    if (!first || !last) return true;
    const stream = this.made(name);
    if (stream.head === 0 || (stream.events.at(-1)?.version ?? 0) >= first.version) return false;
    for (const event of events) {
      stream.events.push(event);
      if (event.id !== null) stream.ids.set(event.id, event.version);
    }
    stream.head = Math.max(stream.head, last.version);
    stream.at = Math.max(stream.at, last.at);
    return true;
  }

  restoreGroup(name: string, { group, handed, missed, pending }: GroupState): void {
    const held = pending.map(({ version, ...one }) => [version, { ...one, consumer: "", until: 0 }] as const);
    this.made(name).groups.set(group, { handed, missed, held: new Map(held) });
  }

  removeRun(run: string): Removed {
    const gone = this.ofRun(run);
    for (const [name] of gone) this.streams.delete(name);
    return sizesOf(gone.map(([, stream]) => stream));
  }

  /** The run's streams, by name. */
  ofRun(run: string): [string, Stream<E>][] {
    const { from } = partOf(run);
    return [...this.streams].filter(([name]) => name.startsWith(from));
  }

  /** How much there is. */
  sizes(): Removed {
    return sizesOf([...this.streams.values()]);
  }
}

/** Where the events behind a version begin. */
export function firstBehind(events: readonly Entry[], version: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.version ?? 0) > version) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sizesOf(streams: readonly Stream<Entry>[]): Removed {
  const sum = (of: (stream: Stream<Entry>) => number) => streams.reduce((n, one) => n + of(one), 0);
  return {
    streams: sum(({ head }) => Math.min(head, 1)),
    events: sum(({ events }) => events.length),
    groups: sum(({ groups }) => groups.size),
  };
}
