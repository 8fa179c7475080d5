import type { Json } from "../input.ts";
import type { Capable, Retaining, RoleAdapter, RoleFleet } from "../role.ts";

export interface SessionCapabilities {
  /** Acknowledged writes survive a crash of the server's machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
}

/**
 * Who may write: the holder of this lock, as long as nobody was given it later. A `Lock` is one. A lock's newest token is known for 25 hours after it was given, and for
 * as long as it is held; then nothing is written under it any more.
 */
export interface Fence {
  lock: string;
  token: number;
}

export interface SetOptions {
  /** Lifetime in milliseconds, 1 to 315,576,000,000 (ten years). @default it does not end */
  ttlMs?: number;
  /** Write only where there is no value yet. @default false */
  ifAbsent?: boolean;
  /** Refuse (`StoreError` code `conflict`) unless this is the newest token that was given for its lock. */
  fence?: Fence;
}

/** One message of a list. */
export interface Message {
  /** Counts from 1 within its list, without gaps; never used again, not even after a trim. Starts anew after `clearMessages`. */
  seq: number;
  /** When it was appended, by the store's clock. */
  at: Date;
  value: Json;
}

export interface AppendOptions {
  /** Keep the newest so many messages, 1 to 1,000,000. @default all */
  keep?: number;
  /** Lifetime of the whole list from now on, in milliseconds. @default as it was */
  ttlMs?: number;
}

export interface RateLimit {
  /** Tokens that the bucket holds, 1 to 1,000,000. */
  limit: number;
  /** Milliseconds in which an empty bucket fills up, evenly, 1 to 31,557,600,000. */
  windowMs: number;
  /** Tokens that this call takes, 1 to `limit`. @default 1 */
  cost?: number;
}

export interface RateAnswer {
  allowed: boolean;
  /** Whole tokens left after this call. */
  remaining: number;
  /** Milliseconds until a call of the same cost is allowed; 0 when this one was. */
  retryAfterMs: number;
}

export interface LockOptions {
  /** Milliseconds after which a holder that does not extend it loses it, 100 to 3,600,000. @default 10,000 */
  ttlMs?: number;
  /** Milliseconds to wait for another holder; 0 does not wait. @default 0 */
  waitMs?: number;
  /** Extend it every third of `ttlMs` until it is released. @default true */
  autoExtend?: boolean;
}

/**
 * A lock that is held. A holder that pauses may have lost it without knowing: what matters is written with the lock as `fence`, which the store
 * checks.
 */
export interface Lock extends Fence, AsyncDisposable {
  /** Greater than every token that was given for this lock before, unless the store's clock was set back by more than a day. */
  readonly token: number;
  /** Aborted when the lock is lost: it could not be extended in time, or another holder has it. */
  readonly signal: AbortSignal;
  /** Starts its time anew; false when it is lost. */
  extend(): Promise<boolean>;
  /** Gives it back; false when it was lost before. Safe to repeat. */
  release(): Promise<boolean>;
}

/** One place of a ranking. */
export interface Ranked {
  member: string;
  score: number;
  /** From 1, best first. */
  rank: number;
}

export interface Subscription extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * The `session` role for one tenant: short-lived state of conversations and what several workers coordinate by. Values, lists, counters, buckets, locks,
 * rankings and channels have names of their own; equal names of different kinds do not meet.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: names that are empty, longer than 512 characters, or hold NUL
 * characters or lone surrogates; values that JSON cannot say, that hold such characters, or of more than 8 MiB of JSON (UTF-8); options that are not known;
 * numbers and lifetimes out of their bounds. A store without room refuses writes with code `full`, and nothing is evicted to make room unless the server was told to.
 */
export interface SessionStore extends Capable<SessionCapabilities> {
  /** False when `ifAbsent` found a value; nothing was written then. Replaces value and lifetime. */
  set(key: string, value: Json, options?: SetOptions): Promise<boolean>;
  /** Undefined when there is none, or its time is over. */
  get(key: string): Promise<Json | undefined>;
  /** Several at once, in the order of `keys`. At most 10,000. Many or large ones are read in parts, each of its own moment. */
  getMany(keys: readonly string[]): Promise<(Json | undefined)[]>;
  /** Whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Gives a value another lifetime from now on, `null` for one without end; false when there is no value. */
  expire(key: string, ttlMs: number | null): Promise<boolean>;
  /** Milliseconds that a value has left; null when its life does not end, undefined when there is none. */
  ttl(key: string): Promise<number | null | undefined>;
  /** Keys of values, in no particular order; those that come or go meanwhile may be missed, none comes twice. */
  keys(options?: { prefix?: string }): AsyncIterable<string>;

  /** Adds messages at the end, all or none; 1 to 1,000, of 8 MiB of JSON together. Resolves to the last one's `seq`, and how many the list holds now. */
  append(list: string, messages: readonly Json[], options?: AppendOptions): Promise<{ seq: number; length: number }>;
  /**
   * Oldest first: the newest `last` of them, or up to `limit` after `after`. Many or large ones are read in parts, each of its own moment.
   * @default the newest 100
   */
  messages(list: string, options?: { last?: number } | { after: number; limit?: number }): Promise<Message[]>;
  /** Removes the list; whether there was one. */
  clearMessages(list: string): Promise<boolean>;

  /**
   * Adds to a counter that starts at 0, and resolves to its new value. `ttlMs` takes effect when the counter starts. A sum beyond ±(2^53 − 1) is refused
   * (`invalid`), and the counter stays as it was.
   */
  increment(counter: string, by?: number, options?: { ttlMs?: number }): Promise<number>;
  /** 0 when it never started, or its time is over. */
  counter(name: string): Promise<number>;
  /** Whether there was one. */
  resetCounter(name: string): Promise<boolean>;

  /** Takes tokens from a bucket, or takes none and says when to come back. Exact however many callers there are; time is the store's. */
  rateLimit(bucket: string, rate: RateLimit): Promise<RateAnswer>;

  /** Undefined when another holder has it and `waitMs` is over. */
  lock(name: string, options?: LockOptions): Promise<Lock | undefined>;

  /** Sets a member's score, any finite number (-0 becomes 0). */
  setScore(ranking: string, member: string, score: number): Promise<void>;
  /** Adds to a member's score, which starts at 0; resolves to the new one. An infinite sum is refused (`invalid`), and the score stays as it was. */
  addScore(ranking: string, member: string, by: number): Promise<number>;
  /** Best first, that is highest score first; ties by member in code-point order. `limit` 1 to 10,000. @default the first 100 */
  ranking(name: string, options?: { offset?: number; limit?: number }): Promise<Ranked[]>;
  /** Undefined when it is not ranked. */
  rankOf(ranking: string, member: string): Promise<Ranked | undefined>;
  /** Takes a member out; whether it was ranked. */
  removeRanked(ranking: string, member: string): Promise<boolean>;

  /** Sends to whoever listens now; nobody else ever receives it. */
  publish(channel: string, message: Json): Promise<void>;
  /**
   * Listens from the moment that the promise resolves, to messages in the order of their publishing. After a lost connection it listens again by itself; what
   * was sent meanwhile is missed. An error that `receive` throws ends the subscription and is passed to `fail`; so does a store that refuses to let it listen again.
   * Without `fail` such an error is an uncaught exception.
   */
  subscribe(
    channel: string,
    receive: (message: Json) => void | Promise<void>,
    fail?: (error: unknown) => void,
  ): Promise<Subscription>;
}

/** The `session` role's acts across tenants. What `purge` removes is what the store would remove itself some time: values, lists, counters and buckets whose time is over, and forgotten locks. */
export interface SessionFleet extends RoleFleet, Retaining {
  /** Tenants that hold anything, with how many names; a name that comes or goes meanwhile may be missed or counted twice. */
  tenants(): Promise<{ tenant: string; keys: number }[]>;
}

export interface SessionAdapter extends RoleAdapter<SessionStore, SessionFleet> {
  /** Removes everything of a tenant, of any kind, whose name begins with `prefix`; counts it by kind. */
  removeNames(tenant: string, prefix: string): Promise<Record<string, number>>;
}

/** The default export of every file that is named after a protocol. */
export type OpenSession = (url: string) => SessionAdapter;
