import type { Fence, RateAnswer } from "./contract.ts";

/** A message as it is kept. `at` in milliseconds since 1970. */
export interface KeptMessage {
  seq: number;
  at: number;
  json: string;
}

/**
 * Milliseconds that a lock's newest token is known for after it was given, a day more than the longest time of a lock. It is the greatest before it plus one, or the
 * store's microseconds since 1970 where that is more: what is given once it was forgotten is greater too, unless the store's clock went back a day.
 */
export const FENCE_MS = 90_000_000;

/** What a lock is asked for ends with: its token, or how many milliseconds the holder has at most. */
export type Acquired = { token: number } | { busyMs: number };

/**
 * What one protocol does for one tenant. `sessionStore` makes the contract of it: everything that arrives here was checked, values are JSON texts, and
 * scores are never -0.
 */
export interface SessionBackend {
  set(key: string, json: string, options: { ttlMs?: number; ifAbsent?: boolean }): Promise<boolean>;
  /** Undefined, and nothing written, when the fence does not hold: its token is not the newest, or nothing is known of it any more. */
  setFenced(
    key: string,
    json: string,
    options: { ttlMs?: number; ifAbsent?: boolean; fence: Fence },
  ): Promise<boolean | undefined>;
  get(key: string): Promise<string | null>;
  getMany(keys: readonly string[]): Promise<(string | null)[]>;
  delete(key: string): Promise<boolean>;
  expire(key: string, ttlMs: number | null): Promise<boolean>;
  ttl(key: string): Promise<number | null | undefined>;
  keys(prefix: string): AsyncIterable<string>;

  append(
    list: string,
    jsons: readonly string[],
    options: { keep?: number; ttlMs?: number },
  ): Promise<{ seq: number; length: number }>;
  /** Oldest first. */
  newest(list: string, count: number): Promise<KeptMessage[]>;
  after(list: string, seq: number, limit: number): Promise<KeptMessage[]>;
  clearMessages(list: string): Promise<boolean>;

  /** Undefined, and nothing changed, when the sum is no safe integer. */
  increment(counter: string, by: number, ttlMs: number | undefined): Promise<number | undefined>;
  counter(name: string): Promise<number>;
  resetCounter(name: string): Promise<boolean>;

  takeTokens(bucket: string, limit: number, windowMs: number, cost: number): Promise<RateAnswer>;

  acquire(lock: string, ttlMs: number): Promise<Acquired>;
  extend(lock: string, token: number, ttlMs: number): Promise<boolean>;
  release(lock: string, token: number): Promise<boolean>;

  setScore(ranking: string, member: string, score: number): Promise<void>;
  /** Undefined, and nothing changed, when the sum is not finite. */
  addScore(ranking: string, member: string, by: number): Promise<number | undefined>;
  /** Best first. */
  ranking(name: string, offset: number, limit: number): Promise<{ member: string; score: number }[]>;
  rankOf(ranking: string, member: string): Promise<{ score: number; rank: number } | undefined>;
  removeRanked(ranking: string, member: string): Promise<boolean>;

  /** Removes everything, of any kind, whose name begins with `prefix`; counts it by kind. */
  removeNames(prefix: string): Promise<Record<string, number>>;

  publish(channel: string, json: string): Promise<void>;
  /** Resolves when it listens, to what ends that. `fail` when it cannot listen any more. */
  listen(
    channel: string,
    receive: (json: string) => void,
    fail: (error: unknown) => void,
  ): Promise<() => Promise<void>>;
}
