import type { Json } from "../input.ts";
import type { Capable, Portable, Retaining, RoleAdapter, RoleFleet } from "../role.ts";
import type { Layered } from "../runs.ts";
import type { EventBackend } from "./backend.ts";

export interface EventCapabilities {
  /** Acknowledged writes survive a crash of the server's machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
  /** `append` takes `expectedVersion`. Where this is false it is refused (`unsupported`). */
  expectedVersion: boolean;
  /** Events may have an `id`, by which a repeated append is known. Where this is false it is refused (`unsupported`). */
  idempotent: boolean;
}

export interface NewEvent {
  /** What happened, e.g. `order.placed`. */
  type: string;
  /** At most 256 KiB of JSON (UTF-8). */
  data: Json;
  /** Names the event within its stream, so that an append whose answer was lost can be sent again. @default none */
  id?: string;
}

export interface StoredEvent {
  stream: string;
  /** Counts from 1 within its stream, without gaps; never used again, not even after a trim. */
  version: number;
  type: string;
  data: Json;
  id?: string;
  /** When it was appended, by the store's clock; never earlier than the event before it. */
  at: Date;
}

export interface EventAppendOptions {
  /** Refuse (`conflict`, which names both) unless the stream is at this version now; 0 = it is new. @default wherever it is */
  expectedVersion?: number;
}

export interface EventReadOptions {
  /** Only events behind this version. @default 0 */
  after?: number;
  /** 1 to 1,000. @default 100 */
  limit?: number;
  /** Newest first. @default false */
  backwards?: boolean;
}

export interface EventFollowOptions {
  /** Only events behind this version. @default 0 */
  after?: number;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
}

export interface EventSubscribeOptions {
  /** Each of these receives every event of the stream, once it is acknowledged. */
  group: string;
  /**
   * Names this consumer within its group; no other one may use it meanwhile. One that comes back under its name is handed at once what it had not acknowledged.
   * @default a random one
   */
  consumer?: string;
  /** Where a group begins that does not exist yet: at the first event that is left, behind the newest, or behind a version. @default "start" */
  from?: "start" | "now" | number;
  /** Milliseconds from being handed out to the acknowledgement, 100 to 86,400,000; then another consumer takes it over. @default 30,000 */
  ackMs?: number;
  /** Events that are handed out at once, to be handled one after the other within `ackMs` all together, 1 to 100. @default 10 */
  batch?: number;
  /** Closes the subscription. */
  signal?: AbortSignal;
}

/** How an event comes to a consumer. */
export interface Delivery {
  /** How often it was handed out to the group, this time included; 1 at first. */
  readonly count: number;
  /** Events that the group never finished because they were trimmed away, and that nobody in it was told of yet. Mostly 0. */
  readonly missed: number;
}

/** Resolves: the event is acknowledged. Throws: it is handed out again after a while (100 ms, twice as long each time, 30 s at most), to whoever asks first. */
export type EventHandler = (event: StoredEvent, delivery: Delivery) => void | Promise<void>;

export interface EventSubscription extends AsyncDisposable {
  /** Awaits the handler that runs (which must not await this), acknowledges, and gives back what was handed out and not handled. Safe to repeat; closing the stores does it too. */
  close(): Promise<void>;
  /** Resolves when it is closed; rejects when the store refuses it for good. A store that is away or full is waited for. */
  readonly ended: Promise<void>;
}

/** A consumer group of a stream. */
export interface EventGroup {
  group: string;
  /** Every event up to this version was handed out at least once. */
  version: number;
  /** Events that were handed out and not acknowledged. */
  pending: number;
  /** Versions up to the stream's newest that were not handed out yet. */
  behind: number;
}

/**
 * The `event` role for one tenant: append-only streams, and those who follow them.
 *
 * Versions of a stream become visible in their order, however many append at once: who reads behind the last version that he saw misses nothing. Each group
 * receives each event at least once, and only once as long as its consumers live, the store answers within `ackMs`, and handlers do not throw. A consumer receives
 * by version, except for what comes again; several of a group compete.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: names (streams, types, ids, groups, consumers) that are empty, longer than
 * 512 characters, or hold NUL characters or lone surrogates; data that JSON cannot say or of more than 256 KiB; options that are not known; numbers out of their bounds.
 */
export interface EventStore extends Capable<EventCapabilities> {
  /**
   * Adds events at the end, all or none; 1 to 1,000, of 8 MiB of JSON together. Resolves to the version of the last one. An append of which the stream has every `id` already
   * writes nothing and resolves to the version that the last of these has; one of which it has only some is refused (`conflict`). What was trimmed is not known any more.
   */
  append(stream: string, events: readonly NewEvent[], options?: EventAppendOptions): Promise<{ version: number }>;
  /** By version. A stream that does not exist is empty. */
  read(stream: string, options?: EventReadOptions): Promise<StoredEvent[]>;
  /** The version of the newest event ever appended; 0 when there was none. */
  head(stream: string): Promise<number>;
  /** Streams that were ever appended to, in code-point order of their names. */
  streams(options?: { prefix?: string }): AsyncIterable<{ stream: string; version: number }>;
  /** All that there is, then all that comes. Goes on where it was when the store was away. What is trimmed before it was read is passed over. */
  follow(stream: string, options?: EventFollowOptions): AsyncIterable<StoredEvent>;
  /**
   * Receives as a consumer of a group. The promise resolves when the group is there. A group whose place was trimmed away goes on at the first event that is left,
   * which is delivered with the number that was `missed`.
   */
  subscribe(stream: string, options: EventSubscribeOptions, handler: EventHandler): Promise<EventSubscription>;
  /** In code-point order of their names. */
  groups(stream: string): Promise<EventGroup[]>;
  /** Removes the oldest events: all but the newest `keep` (0 to 2^53 − 1), or those appended before a moment. Resolves to how many; versions go on counting. */
  trim(stream: string, what: { keep: number } | { before: Date }): Promise<number>;
}

/** The `event` role's acts across tenants. */
export interface EventFleet extends RoleFleet, Portable, Retaining {
  /** Tenants that have streams or groups, with how many streams. */
  tenants(): Promise<{ tenant: string; streams: number }[]>;
  /** Removes events that were appended longer ago than this, as `trim` does. Streams keep their versions, and groups their places. */
  purge(options: { olderThanMs: number }): Promise<{ events: number }>;
}

export type EventAdapter = RoleAdapter<EventStore, EventFleet> & Layered<EventBackend, EventStore>;

/** The default export of every file that is named after a protocol. */
export type OpenEvent = (url: string) => EventAdapter;
