import type { Json } from "../input.ts";
import type { RunRemoving } from "../runs.ts";
import type { EventGroup } from "./contract.ts";

/** An event as it is kept. `at` in microseconds since 1970. */
export interface KeptEvent {
  version: number;
  at: number;
  type: string;
  data: Json;
  id: string | null;
}

/** What arrives to be appended: `json` is the text of its data. */
export interface Incoming {
  type: string;
  json: string;
  id: string | null;
}

/**
 * `appended` and `repeated` with the version of the last event; `conflict` (of `expected`) and `partly` (it has some of the ids) with the version that the stream has.
 */
export interface Appended {
  outcome: "appended" | "repeated" | "conflict" | "partly";
  version: number;
}

export interface Handed extends KeptEvent {
  count: number;
  missed: number;
}

export interface Taken {
  events: Handed[];
  /** Milliseconds until the first that others hold, or that was given back, may be taken; null when nothing is. */
  dueMs: number | null;
}

/** Who takes. */
export interface Place {
  stream: string;
  group: string;
  consumer: string;
}

export interface TakeOptions {
  batch: number;
  ackMs: number;
  /** Versions that this consumer has handled. */
  done: readonly number[];
  /** It does not know what it holds: everything is handed to it again. */
  resume: boolean;
}

/** A stream, as a snapshot has it. `at` of its newest event, in microseconds since 1970. */
export interface StreamState {
  stream: string;
  head: number;
  at: number;
}

/** A group, as a snapshot has it. */
export interface GroupState {
  group: string;
  /** The version up to which events were handed out. */
  handed: number;
  /** Of trimmed events that nobody was told of yet. */
  missed: number;
  /** What was handed out and not acknowledged, by version. */
  pending: { version: number; count: number; missed: number }[];
}

/** How much of what was removed. */
export interface Removed extends Record<string, number> {
  streams: number;
  events: number;
  groups: number;
}

/** What one protocol does for one tenant. `eventStore` makes the contract of it: everything that arrives here was checked. */
export interface EventBackend extends RunRemoving {
  append(stream: string, events: readonly Incoming[], expected: number | undefined): Promise<Appended>;
  read(stream: string, after: number, limit: number, backwards: boolean): Promise<KeptEvent[]>;
  head(stream: string): Promise<number>;
  /** A page in code-point order of names, from `from` on and behind `after`; an empty one is the end. */
  streams(from: string, after: string): Promise<StreamState[]>;
  /** Up to a version, and before a moment in microseconds; null for any. */
  trim(stream: string, upTo: number | null, before: number | null): Promise<number>;
  groups(stream: string): Promise<EventGroup[]>;
  /** Makes the group unless it is there, at a version or behind the newest event. */
  join(stream: string, group: string, from: number | "now"): Promise<void>;
  /** Undefined when the group is gone. */
  take(place: Place, options: TakeOptions): Promise<Taken | undefined>;
  /** What the consumer does not hold any more is passed over. */
  acknowledge(place: Place, versions: readonly number[]): Promise<void>;
  /** For whoever asks after so many milliseconds; `seen` when its handler had it, otherwise it does not count as handed out. */
  giveBack(place: Place, versions: readonly number[], delayMs: number, seen: boolean): Promise<void>;
  /** Calls back when something may have been appended; resolves to what ends that. Undefined or rejects: nobody says so. */
  listen?(stream: string, ring: () => void): Promise<() => Promise<void>>;

  /** A page of groups of the tenant's streams, in code-point order of stream and name, behind a pair; an empty one is the end. */
  groupStates(after: { stream: string; group: string }): Promise<(GroupState & { stream: string })[]>;
  /** In place of whatever the stream had, groups included. */
  restoreStream(state: StreamState): Promise<void>;
  /** At the end of what the stream has, in order. False when that is not where they belong. */
  restoreEvents(stream: string, events: readonly KeptEvent[]): Promise<boolean>;
  restoreGroup(stream: string, state: GroupState): Promise<void>;
  removeRun(run: string): Promise<Removed>;
}

/** Events that are read at once, where nobody said how many. */
export const PAGE = 100;
