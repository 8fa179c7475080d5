import type { GroupState } from "./backend.ts";
import { type Entry, firstBehind, type HandedEntry, type Stream } from "./machine.ts";

/** An event that was handed out: to whom, until when it is theirs in milliseconds since 1970, how often. */
export interface Held {
  consumer: string;
  until: number;
  count: number;
  missed: number;
}

/** A consumer group: everything up to `handed` was handed out once; of trimmed events `missed` were told to nobody yet. */
export interface Group {
  handed: number;
  missed: number;
  held: Map<number, Held>;
}

/** Those of these versions that a consumer holds. */
export function* heldBy(group: Group, consumer: string, versions: Iterable<number>) {
  for (const version of versions) {
    const one = group.held.get(version);
    if (one?.consumer === consumer) yield { version, one };
  }
}

/** Milliseconds until the first that is held falls due; null when nothing is. */
export function dueMs({ held }: Group, now: number): number | null {
  const next = Math.min(...[...held.values()].map(({ until }) => until));
  return Number.isFinite(next) ? Math.max(1, next - now) : null;
}

/** Hands out what is due again, then what is new. Of what was trimmed away meanwhile the group remembers how many. */
export function takeFrom<E extends Entry>(
  stream: Stream<E>,
  group: Group,
  to: { consumer: string; batch: number; ackMs: number; now: number },
): HandedEntry<E>[] {
  const { consumer, batch, now } = to;
  const until = now + to.ackMs;
  const handed: { entry: E; held: Held }[] = [];
  const due = dueIn(group, now);
  for (const [version, held] of due.slice(0, batch)) {
    const entry = find(stream.events, version);
    if (entry) handed.push({ entry, held: Object.assign(held, { consumer, until, count: held.count + 1 }) });
    else {
      group.missed += held.missed + 1;
      group.held.delete(version);
    }
  }
  const from = firstBehind(stream.events, group.handed);
  const room = Math.max(0, batch - Math.min(due.length, batch));
  for (const entry of stream.events.slice(from, from + room)) {
    const held = { consumer, until, count: 1, missed: entry.version - group.handed - 1 };
    group.held.set(entry.version, held);
    group.handed = entry.version;
    handed.push({ entry, held });
  }
  if (stream.events.length === from && stream.head > group.handed && room > 0) {
    group.missed += stream.head - group.handed;
    group.handed = stream.head;
  }
  handed.sort((a, b) => a.entry.version - b.entry.version);
  const [first] = handed;
  if (first) {
    first.held.missed += group.missed;
    group.missed = 0;
  }
  return handed.map(({ entry, held }) => ({ entry, count: held.count, missed: held.missed }));
}

/** What is held no longer than until now, the longest due first. */
const dueIn = (group: Group, now: number) =>
  [...group.held].filter(([, { until }]) => until <= now).sort(([a, x], [b, y]) => x.until - y.until || a - b);

/** Whether `takeFrom` would hand out anything, or find that something is missing. */
export const hasSome = (stream: Stream<Entry>, group: Group, now: number): boolean =>
  stream.head > group.handed || [...group.held.values()].some(({ until }) => until <= now);

function find<E extends Entry>(events: readonly E[], version: number): E | undefined {
  const found = events[firstBehind(events, version - 1)];
  return found?.version === version ? found : undefined;
}

/** As snapshots have groups. */
export const statesOf = (groups: readonly (readonly [string, Group])[]): GroupState[] =>
  groups.map(([group, { handed, missed, held }]) => {
    const pending = [...held].map(([version, one]) => ({ version, count: one.count, missed: one.missed }));
    return { group, handed, missed, pending: pending.sort((a, b) => a.version - b.version) };
  });
