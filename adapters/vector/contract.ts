import type { Metadata } from "../input.ts";
import type { Capable, RoleAdapter, RoleFleet } from "../role.ts";
import type { Filter } from "./filter.ts";

/** The coordinate system of a vector. Vectors of different spaces are never compared. */
export interface EmbeddingSpace {
  /** Who made the embedding, e.g. `openai`. */
  provider: string;
  /** Model and version, e.g. `text-embedding-3-small`. */
  model: string;
  /** Length of every vector, 1 to 2,000 (the limit of an HNSW index over pgvector's `vector`). */
  dimensions: number;
  /** Whether the provider scales vectors to length 1. Stores keep what they are given either way. */
  normalised: boolean;
}

/** A piece of a document, with its provenance and its embedding. */
export interface Chunk {
  /** Unique within the tenant. The last of equal ids wins, within a call and between calls. */
  id: string;
  /** Id of the document it was cut from; `deleteByDocument` takes this. */
  document: string;
  /** Where the document came from, e.g. `https://…` or `file:…`. A document has one: the last given wins, none leaves it as it is. */
  uri?: string;
  /** At most 1,048,576 characters. */
  text: string;
  /** Place within the document, from 0. */
  position: number;
  /** SHA-256 of `text` in lower-case hex. Computed when absent; refused when it does not match. */
  contentHash?: string;
  /** Kept and returned as given (-0 becomes 0). */
  metadata?: Metadata;
  /** Kept as float32. */
  vector: Float32Array | readonly number[];
  space: EmbeddingSpace;
}

export interface VectorQuery {
  vector: Float32Array | readonly number[];
  /** How many hits at most, 1 to 1,000. */
  topK: number;
  /** Only chunks for which this holds; see filter.ts for its one meaning on every product. */
  filter?: Filter;
  /** Only hits with at least this similarity, -1 to 1. */
  minScore?: number;
  /** The space of `vector`. @default the tenant's current one (`current`); a space that it does not hold is refused */
  space?: EmbeddingSpace;
  /** Compare with every candidate, also where an approximate index would answer sooner. @default false */
  exact?: boolean;
}

export interface VectorHit {
  id: string;
  /** Cosine similarity, 1 = identical, -1 = opposite. A zero vector scores 0 with everything. */
  score: number;
  document: string;
  uri: string | null;
  text: string;
  position: number;
  contentHash: string;
  metadata: Metadata;
  space: EmbeddingSpace;
}

/** How a query was, or would be, answered. */
export interface VectorPlan {
  /** `exact` compares with every candidate; `ann` walks an approximate index. */
  access: "exact" | "ann";
  /** Name of the approximate index that was used. */
  index: string | null;
  /** The product's own account of it, for people. */
  detail: string;
}

export interface VectorCapabilities {
  /** Acknowledged writes survive a crash of the machine. */
  durable: boolean;
  /** Has an approximate index beside the exact scan. */
  ann: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
}

/**
 * The `vector` role for one tenant. Everything here sees and touches that tenant's chunks alone.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: empty or over-long ids (512
 * characters), NUL characters, lone surrogates, vectors with NaN or infinities, of another length than their space or with a norm outside
 * 1e-15 to 1e15 (0 is allowed), metadata over 64 KiB, filters deeper than 16 levels or with more than 256 conditions. An array is checked
 * whole before its first batch is written, a stream batch by batch.
 */
export interface VectorStore extends Capable<VectorCapabilities> {
  /**
   * Adds or replaces chunks; idempotent, so a failed call may be repeated as it is. A chunk that has vectors in other spaces loses them: they are of
   * what it was. Written in batches of 1,000, each all or nothing; when the promise resolves all are stored. Give a load as one (async) iterable: memory
   * stays constant and the approximate index is built once, at its end. Resolves to the number of distinct chunks written; an id that comes again in a
   * later batch is written, and counted, again.
   */
  upsert(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): Promise<{ written: number }>;

  /**
   * The nearest chunks, best first; equal scores are ordered by id (code-point order), though an approximate index may choose which of
   * those that tie at the last place it returns. A tenant without chunks has no hits in any space. An answer with fewer than `topK` hits
   * means that no more chunks match: where an approximate index comes up short, an exact scan replaces its answer.
   */
  query(query: VectorQuery): Promise<VectorHit[]>;

  /** How `query` would answer it now. */
  explain(query: VectorQuery): Promise<VectorPlan>;

  /** Removes a document and its chunks, in every space. */
  deleteByDocument(document: string): Promise<{ deleted: number }>;

  /** Chunks of this tenant, all or those for which `filter` holds. */
  count(filter?: Filter): Promise<number>;

  /** The embedding spaces in which this tenant has chunks. */
  spaces(): Promise<EmbeddingSpace[]>;

  /**
   * The space that a query without one goes to: the one that was last switched to, while the tenant has chunks there, else its only one. Null
   * when it has no chunks, or several spaces and never switched; such a query is then refused. A query may go by what was so up to a minute before, unless this
   * was called since.
   */
  current(): Promise<EmbeddingSpace | null>;

  /** Embeds chunks anew, beside the space that answers. `reindex` of ../reindex.ts goes the whole way. */
  readonly reindexing: VectorReindexing;
}

/** From which space of a tenant to which its chunks are embedded anew. */
export interface Move {
  from: EmbeddingSpace;
  to: EmbeddingSpace;
}

/** What an embedder needs of a chunk, and the hash that tells whether it changed since. */
export interface ChunkText {
  id: string;
  text: string;
  contentHash: string;
  metadata: Metadata;
}

/** The spaces of a tenant. */
export interface SpacesState {
  /** Those with chunks, and how many. */
  spaces: { space: EmbeddingSpace; chunks: number }[];
  /** See `VectorStore.current`. */
  current: EmbeddingSpace | null;
  /** The one that was current before the last switch, while the tenant has chunks there. */
  previous: EmbeddingSpace | null;
}

/**
 * The steps of a move, for one tenant. How far it is follows from what is there: a chunk is `missing` while it has a vector in `from` and none in
 * `to`. An `upsert` into `from` takes the chunk's vector in `to` away, so that whatever is written meanwhile is missing again; what is deleted goes
 * from both. So each step may be repeated, by several processes too, and a move that was broken off goes on where it was.
 */
export interface VectorReindexing {
  state(): Promise<SpacesState>;
  /** How many are missing. */
  countMissing(move: Move): Promise<number>;
  /** At most `limit` of those missing, in code-point order of their ids, behind the id `after` (empty: from the start). */
  missing(move: Move, after: string, limit: number): Promise<ChunkText[]>;
  /** Before the first `add`: makes room for `rows` vectors, and lets queries without a space stay where they are until `switch`. */
  begin(move: Move, rows: number): Promise<void>;
  /**
   * Writes vectors in `to` of at most 1,000 chunks beside those in other spaces. A chunk that is gone, left `from`, or has another text than the one with
   * this hash is left out, and one that has a vector there keeps it. Resolves to the number written.
   */
  add(move: Move, vectors: readonly { id: string; contentHash: string; vector: Float32Array }[]): Promise<number>;
  /** After the last `add`: builds what makes queries fast. */
  finish(to: EmbeddingSpace): Promise<void>;
  /** At most `count` chunks with their vectors in both spaces, drawn from all; the same ones each time. */
  sample(move: Move, count: number): Promise<{ id: string; from: Float32Array; to: Float32Array }[]>;
  /**
   * Where `from` is the current space, makes `to` that if nothing is missing; another one stays current. Says how many are missing: with 0 the move is
   * done. Writers are not held up.
   */
  switch(move: Move): Promise<{ missing: number }>;
  /**
   * Removes the vectors in `from` of all chunks that have one in `to`. Chunks that are in `from` alone stay, and are `kept`. Refuses (`invalid`) while `from` is the
   * current space.
   */
  drop(move: Move): Promise<{ removed: number; kept: number }>;
}

/** The `vector` role's acts across tenants. */
export interface VectorFleet extends RoleFleet {
  /** Tenants that hold chunks, with how many. */
  tenants(): Promise<{ tenant: string; chunks: number }[]>;
  /** Frees what a space takes while no tenant has chunks there. `used`: one has; `busy`: others were in the way, try again; `absent`: nothing was there. */
  dropSpace(space: EmbeddingSpace): Promise<"dropped" | "used" | "busy" | "absent">;
}

export type VectorAdapter = RoleAdapter<VectorStore, VectorFleet>;

/** The default export of every file that is named after a protocol. */
export type OpenVector = (url: string) => VectorAdapter;
