import type { Metadata } from "../input.ts";
import type { FilterNode } from "./filter.ts";
import type { CheckedChunk, CheckedSpace } from "./validate.ts";

/*
 * Chunks on a product whose collections hold vectors of one space each, and which has no writes on a condition and none that span collections. A chunk is a whole copy in each space that it is in. Copies of
 * what was written at once have one version, and of two that differ the newer one counts: who writes a chunk into a space removes older copies of it elsewhere, and leaves newer ones alone.
 */

/** What a space has of a chunk. */
export interface Copy {
  id: string;
  document: string;
  /** The document's, so that an answer need not look there. */
  uri: string | null;
  text: string;
  position: number;
  hash: string;
  metadata: Metadata;
  /** Of what was written; greater is newer. */
  version: number;
}

export interface VectorCopy extends Copy {
  /** As it was given, bit for bit. */
  vector: Float32Array;
}

/** One of the nearest. */
export interface Found {
  id: string;
  /** Cosine similarity. */
  score: number;
}

/** Ids of spaces; see `heldSpaces`. */
export interface Marks {
  current: string | null;
  previous: string | null;
}

/** Of which versions copies are removed: older than one, or one of these. */
export type Versions = { below: number } | { among: readonly number[] };

export type Uris = ReadonlyMap<string, string | null>;

/** What a product does for one tenant. A space that is not there holds nothing; writing into it makes it. Each write is all or nothing, and may be repeated. */
export interface Collections {
  /** The spaces that there are, with copies or without, and the tenant's marks. Never from memory. */
  look(): Promise<{ spaces: CheckedSpace[]; marks: Marks }>;
  mark(marks: Marks): Promise<void>;
  count(space: CheckedSpace): Promise<number>;
  /** Writes copies over those that are there. */
  put(space: CheckedSpace, copies: readonly VectorCopy[]): Promise<void>;
  /** Writes those copies of which there is none, whatever their version. */
  add(space: CheckedSpace, copies: readonly VectorCopy[]): Promise<void>;
  /** Those that are there, in this order. */
  read(space: CheckedSpace, ids: readonly string[]): Promise<Copy[]>;
  readWhole(space: CheckedSpace, ids: readonly string[]): Promise<VectorCopy[]>;
  /** Exactly the chunks for which a filter holds, in no order. */
  ids(space: CheckedSpace, filter: FilterNode | null): Promise<string[]>;
  /** Removes copies, of these versions alone; resolves to how many. */
  remove(space: CheckedSpace, ids: readonly string[], versions: Versions): Promise<number>;
  /** Removes the copies of a document's chunks; resolves to their ids. */
  removeDocument(space: CheckedSpace, document: string): Promise<string[]>;
  /** Writes what is known of documents into copies of their chunks. Resolves to the documents of chunks that moved to these meanwhile, and may have been told the wrong. */
  retell(space: CheckedSpace, documents: Uris): Promise<string[]>;
  /** The nearest by an approximate index, best first, maybe fewer than there are; among these ids, if some are given, and with copies where few are asked for. */
  nearest(
    space: CheckedSpace,
    vector: Float32Array,
    limit: number,
    among: readonly string[] | null,
  ): Promise<(Found & { copy?: Copy })[]>;
  /** Compares with each of these that is there. */
  compare(space: CheckedSpace, vector: Float32Array, ids: readonly string[]): Promise<Found[]>;
  /** What is known of documents. */
  documents(ids: readonly string[]): Promise<Map<string, string | null>>;
  documentIds(): Promise<string[]>;
  /** Writes what documents are; those that are known stay as they are unless they are `replaced`. */
  putDocuments(documents: Uris, replaced: boolean): Promise<void>;
  forgetDocument(document: string): Promise<void>;
}

const TICKS = 1_024;
let last = 0;

/** A version newer than these: the time in 1/1024 ms, so that writers who know nothing of each other are in order as far as their clocks are; the lowest digits are drawn. */
export function newVersion(others: Iterable<number>): number {
  const now = Date.now() * TICKS + Math.floor(Math.random() * TICKS);
  last = Math.max(now, last + 1);
  for (const other of others) last = Math.max(last, other + 1);
  return last;
}

export const copyOf = (chunk: CheckedChunk, uri: string | null, version: number): VectorCopy => {
  const { id, document, text, position, contentHash, metadata, vector } = chunk;
  return { id, document, uri, text, position, hash: contentHash, metadata: JSON.parse(metadata), version, vector };
};

/** Parts of a list, for messages that take only so many. */
export function* parts<T>(list: readonly T[], most: number): Generator<readonly T[]> {
  for (let n = 0; n < list.length; n += most) yield list.slice(n, n + most);
}
