import type { Json } from "../input.ts";
import type { Capable, Portable, Retaining, RoleAdapter, RoleFleet } from "../role.ts";
import type { Layered } from "../runs.ts";
import type { MemoryBackend } from "./backend.ts";

/** What an agent wants to be kept. A put replaces the whole fact: what is left out takes its default again. */
export interface NewFact {
  /** The fact's name; a key has one fact at a time. */
  key: string;
  /** At most 256 KiB of JSON (UTF-8). */
  value: Json;
  /** Whose memory it is. @default null */
  agent?: string | null;
  /** @default "fact" */
  kind?: string;
  /** How sure it is, 0 to 1. @default null */
  confidence?: number | null;
  /** Where it was learnt, e.g. a URL or the id of a message. @default null */
  source?: string | null;
  /** When it ends, by the store's clock; 1970 to 2199. @default null: it does not end */
  expiresAt?: Date | null;
}

/** A fact that is there. */
export interface Fact {
  /** A UUID that the store gave; another one after the key's fact was deleted or had expired. */
  id: string;
  key: string;
  agent: string | null;
  kind: string;
  /** As it was given (-0 becomes 0; the order of an object's names is not kept). */
  value: Json;
  confidence: number | null;
  source: string | null;
  expiresAt: Date | null;
  /** From 1, one more with each put. */
  version: number;
  /** By the store's clock, cut to milliseconds. */
  createdAt: Date;
  updatedAt: Date;
}

export interface ChangeOptions {
  /** Who makes the change, for the history. @default null */
  actor?: string;
}

export interface PutFactOptions extends ChangeOptions {
  /** Refuse (`StoreError` code `conflict`) unless the key's fact has this version; 0: unless there is none. @default whatever is there */
  expectedVersion?: number;
}

/** All that is given must hold. */
export interface MemorySearch {
  /**
   * Every word of it is a word of the fact's key, kind, source or of a string anywhere in its value (names within objects are not looked at); its last word may be the
   * beginning of one. Words are runs of letters, their marks and digits, compared without case (NFKC), by their first 64 characters. A text without words
   * finds nothing. At most 4,096 characters and 32 words.
   */
  text?: string;
  kind?: string;
  agent?: string;
  source?: string;
  /** What the key begins with. */
  prefix?: string;
  /** Only facts that say at least this of themselves, 0 to 1; one without a confidence is left out. */
  minConfidence?: number;
  /** 1 to 1,000. @default 20 */
  limit?: number;
  /** The `next` of the page before, of the same search. */
  after?: string;
}

export interface MemoryPage {
  /** By `updatedAt`, newest first. Of one putMany the last in its list is the newest. */
  facts: Fact[];
  /** Where the next page begins; absent on the last one. A fact that is put meanwhile moves to the front, which later pages do not show. */
  next?: string;
}

/** One change of a key. */
export interface Change {
  /** Counts from 1 within its key, without gaps, as long as the key has a history. */
  seq: number;
  /** When it was made, by the store's clock; of `expire` when the fact was over. */
  at: Date;
  /** `expire` is noted when something new is put in the place of a fact whose time was over. */
  action: "put" | "delete" | "expire";
  /** As the caller named it; null where it did not, and for `expire`. */
  actor: string | null;
  /** Of the fact that was changed. */
  id: string;
  /** Null where the change made the fact. */
  before: Fact | null;
  /** Null where the change ended it. */
  after: Fact | null;
}

export interface MemoryCapabilities {
  /** Acknowledged writes survive a crash of the server's machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
}

/**
 * The `memory` role for one tenant: facts that an agent puts, finds, corrects, forgets and accounts for. A fact that was deleted, or whose time is over by the
 * store's clock, is not there any more: nothing but `history` shows it. Each change is written together with its entry in the history, or neither is.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: names (key, kind, agent, source, actor) that are empty, longer than 512
 * characters, or hold NUL characters or lone surrogates; values that JSON cannot say, or too large; fields and options that are not known; numbers and dates
 * out of their bounds.
 */
export interface MemoryStore extends Capable<MemoryCapabilities> {
  /** Makes the key's fact or replaces it. Of several at once that expect the same version, one is kept. */
  put(fact: NewFact, options?: PutFactOptions): Promise<Fact>;
  /** 1 to 1,000 facts of different keys, of 16 MiB of JSON together, all or none; in their order. */
  putMany(facts: readonly NewFact[], options?: ChangeOptions): Promise<Fact[]>;
  /** Undefined when there is none. */
  get(key: string): Promise<Fact | undefined>;
  /** Several at once, in the order of `keys`. At most 1,000. */
  getMany(keys: readonly string[]): Promise<(Fact | undefined)[]>;
  /** Whether it was there. What it said stays in the history until the fleet purges it. */
  delete(which: { key: string } | { id: string }, options?: ChangeOptions): Promise<boolean>;
  search(search?: MemorySearch): Promise<MemoryPage>;
  /** Changes of a key, newest first, whether it has a fact now or not; those before change `before`. `limit` 1 to 1,000. @default the newest 100 */
  history(key: string, options?: { limit?: number; before?: number }): Promise<Change[]>;
}

/**
 * The `memory` role's acts across tenants. A snapshot holds each tenant's history and its facts, those that ended included. `purge` removes for good the facts that were
 * deleted or expired longer ago, with their history and without a trace; `deleteTenant` everything of a tenant.
 */
export interface MemoryFleet extends RoleFleet, Portable, Retaining {
  /** Tenants that hold anything, with how many facts are there; 0 where only ended ones are left. */
  tenants(): Promise<{ tenant: string; facts: number }[]>;
}

export type MemoryAdapter = RoleAdapter<MemoryStore, MemoryFleet> & Layered<MemoryBackend, MemoryStore>;

/** The default export of every file that is named after a protocol. */
export type OpenMemory = (url: string) => MemoryAdapter;
