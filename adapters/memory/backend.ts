import type { Json } from "../input.ts";
import type { Part, RunRemoving } from "../runs.ts";
import type { Change } from "./contract.ts";

/** A fact in the form that is written. Moments here and below in microseconds since 1970. */
export interface CheckedFact {
  key: string;
  agent: string | null;
  kind: string;
  /** The value's text. */
  json: string;
  confidence: number | null;
  source: string | null;
  expires: number | null;
  /** What it is found by. */
  words: readonly string[];
}

/** A fact as it is kept. */
export interface KeptFact {
  id: string;
  key: string;
  agent: string | null;
  kind: string;
  value: Json;
  confidence: number | null;
  source: string | null;
  expires: number | null;
  version: number;
  created: number;
  updated: number;
}

/** What the store itself gave to a fact that was put. */
export type Written = Pick<KeptFact, "key" | "id" | "version" | "created" | "updated">;

/** A change as it is kept. What was there before is the fact of the change before it, if that was the same fact's. */
export interface KeptChange {
  key: string;
  seq: number;
  at: number;
  action: Change["action"];
  actor: string | null;
  id: string;
  /** What a put left; null for the others. */
  fact: KeptFact | null;
}

/** Words between these, both whole words or beginnings: a word itself, or all from `from` on that are less than `to`. */
export type WordRange = { word: string } | { from: string; to: string };

/** A search in the form that is run. All that is not null must hold. */
export interface CheckedSearch {
  words: readonly WordRange[];
  kind: string | null;
  agent: string | null;
  source: string | null;
  /** Keys from `from` on that are less than `to`; null for no end. */
  keys: { from: string; to: string | null } | null;
  minConfidence: number | null;
  /** Only facts whose keys are in it. @default all */
  part?: Part;
  limit: number;
  /** The last fact of the page before. */
  after: { updated: number; id: string } | null;
}

/** What one protocol does for one tenant. `memoryStore` makes the contract of it: everything that arrives here was checked. */
export interface MemoryBackend extends RunRemoving {
  /** All or none, of different keys; in no particular order. Undefined, and nothing put, where `expected` is not the version that is there (0: none). */
  put(facts: readonly CheckedFact[], actor: string | null, expected?: number): Promise<Written[] | undefined>;
  /** Those that are there, in no particular order. */
  get(keys: readonly string[]): Promise<KeptFact[]>;
  /** @param part whose keys alone it is looked for among. @default all */
  delete(which: { key: string } | { id: string }, actor: string | null, part?: Part): Promise<boolean>;
  /** At most `limit`, by `updated` and then `id`, greatest first. */
  search(search: CheckedSearch): Promise<KeptFact[]>;
  /** Newest first. */
  history(key: string, limit: number, before: number | undefined): Promise<KeptChange[]>;
  removeRun(run: string): Promise<{ facts: number; changes: number }>;
}

/** Facts that a word or a beginning of keys may have, and be worth starting from: more, and the newest facts are gone through one by one instead. */
export const FEW = 4_000;

/** The narrowest of several stretches, given how many facts are in each, counted to `FEW`; none where they are all wide. */
export function narrowest<T>(stretches: readonly T[], counts: readonly number[]): T | undefined {
  const least = Math.min(...counts);
  return least < FEW ? stretches[counts.indexOf(least)] : undefined;
}
