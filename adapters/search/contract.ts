import type { Metadata } from "../input.ts";
import type { Capable, Portable, RoleAdapter, RoleFleet } from "../role.ts";
import type { Part } from "../runs.ts";
import type { Filter } from "../vector/filter.ts";

/** Languages whose inflections are known. `simple` knows none: every word stands for itself, and none is left out. */
export const LANGUAGES = [
  "simple",
  "arabic",
  "armenian",
  "basque",
  "catalan",
  "danish",
  "dutch",
  "english",
  "finnish",
  "french",
  "german",
  "greek",
  "hindi",
  "hungarian",
  "indonesian",
  "irish",
  "italian",
  "lithuanian",
  "nepali",
  "norwegian",
  "portuguese",
  "romanian",
  "russian",
  "serbian",
  "spanish",
  "swedish",
  "tamil",
  "turkish",
  "yiddish",
] as const;
export type Language = (typeof LANGUAGES)[number];

/** A text that is found as a whole: a page, a message, or a chunk under the same id as in the `vector` role. */
export interface SearchEntry {
  /** Unique within the tenant. The last of equal ids wins, within a call and between calls. */
  id: string;
  /** Id of the document it belongs to; `deleteByDocument` takes this. */
  document?: string | null;
  /** At most 1,024 characters. A word of it weighs ten times as much as one of the text. */
  title?: string | null;
  /** At most 1,048,576 characters. */
  text: string;
  /** Kept and returned as given (-0 becomes 0); at most 64 KiB as JSON. */
  metadata?: Metadata;
  /** Whose inflections are the same word, and whose commonest words (`the`, `of`) are not searched. @default "english" */
  language?: Language;
}

export interface HighlightOptions {
  /** Stands before each word that was found. @default "<mark>" */
  open?: string;
  /** Stands after it. @default "</mark>" */
  close?: string;
  /** Words of the excerpt, 3 to 200. @default 35 */
  words?: number;
  /** `html` writes `& < > " '` of the text as entities, so that with marks of your own choice it is safe in a page; `none` leaves the text as it is, for a terminal or a prompt. @default "html" */
  escape?: "html" | "none";
}

export interface SearchQuery {
  /**
   * What is looked for, 1 to 2,048 characters. All words must be there; `"words in quotes"` side by side, in this order; `-word` must not be
   * there; `or` between two of these is a choice, and binds less than standing side by side. Any text is a query; other punctuation only separates.
   * Text without a word that is searched (`"the"`) finds nothing.
   */
  text: string;
  /** Only entries for which this holds, with the one meaning that filters have in every role. */
  filter?: Filter;
  /** How many hits at most, 1 to 1,000. @default 10 */
  limit?: number;
  /** How many of the best are passed over; with `limit` at most 5,000. @default 0 */
  offset?: number;
  /** Whether hits have an excerpt with the words that were found marked. @default false */
  highlight?: boolean | HighlightOptions;
  /** Whether hits have their text. @default true */
  withText?: boolean;
  /** `auto` mends typos where too little was found; `never` takes the words as they are. @default "auto" */
  fuzzy?: "auto" | "never";
  /** Language of `text`. An entry in another is found by words that stand in it as they are asked for. @default "english" */
  language?: Language;
}

export interface SearchHit {
  id: string;
  document: string | null;
  title: string | null;
  /** Not there when the query said so. */
  text?: string;
  /** 0 to 1, larger is better: how often the words occur, how close together, in how short a text. Comparable within one answer only. */
  score: number;
  /** The excerpt, null unless asked for. Of a text over 100,000 characters, from its beginning. */
  highlight: string | null;
  metadata: Metadata;
}

export interface SearchAnswer {
  /** Best first; equal scores by id (code-point order). */
  hits: SearchHit[];
  /** The text that was searched for in place of the one asked, where words that no entry has were replaced by similar ones. */
  corrected?: string;
  /** More than 5,000 entries match, and the hits are the best of 5,000 of them, not of all: a word that is nearly everywhere says little, and ranking it takes long. */
  bounded: boolean;
}

export interface SearchCapabilities {
  /** Acknowledged writes survive a crash of the machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
  /** Knows every language of the list; otherwise `english` and `simple`, and others are refused (`unsupported`). */
  languages: boolean;
}

/**
 * The `search` role for one tenant: full text, found by words. Everything here sees and touches that tenant's entries alone.
 *
 * Regular inflections of a language are one word (refund, refunds, refunded, refunding); upper and lower case are the same. How far beyond that a
 * product goes, and where a word ends in addresses, numbers and the like, is its own. Phrases are found among the first 16,383 words; of a text
 * with more than about 100,000 different words only the beginning is searched.
 *
 * Typos: where less than `limit` was found, a word of the query that no entry has is replaced by the most similar that one has: one character
 * changed, missing, added or two swapped; from 6 characters on two such changes, not both at its ends. Words of 3 to 32 letters are mended.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: ids that are empty or over 512 characters, NUL characters, lone
 * surrogates, what is longer than said, unknown options. An array is checked whole before its first batch is written, a stream batch by batch.
 */
export interface SearchStore extends Capable<SearchCapabilities> {
  /**
   * Adds or replaces entries; idempotent, so a failed call may be repeated as it is. Written in batches of 1,000, each all or nothing; when the promise
   * resolves all can be found. Resolves to the number of distinct entries written; an id that comes again in a later batch is counted again.
   */
  index(entries: Iterable<SearchEntry> | AsyncIterable<SearchEntry>): Promise<{ written: number }>;
  query(query: SearchQuery): Promise<SearchAnswer>;
  /** Removes one entry; 0 when there is none. */
  delete(id: string): Promise<{ deleted: number }>;
  /** Removes every entry of a document. */
  deleteByDocument(document: string): Promise<{ deleted: number }>;
  /** Entries of this tenant, all or those for which `filter` holds. */
  count(filter?: Filter): Promise<number>;
}

/** The `search` role's acts across tenants. Records are of kind `entry`, with the fields of `SearchEntry`. */
export interface SearchFleet extends RoleFleet, Portable {
  /** Tenants that hold entries, with how many. */
  tenants(): Promise<{ tenant: string; entries: number }[]>;
}

export interface SearchAdapter extends RoleAdapter<SearchStore, SearchFleet> {
  /** @param part the entries whose ids are in it, under these ids. @default all */
  tenant(tenant: string, part?: Part): SearchStore;
  /** Removes the entries whose ids have a run's prefix. */
  removeRun(tenant: string, run: string): Promise<{ entries: number }>;
}

/** The default export of every file that is named after a protocol. */
export type OpenSearch = (url: string) => SearchAdapter;
