import type { Metadata } from "../input.ts";
import type { Capable, RoleAdapter, RoleFleet } from "../role.ts";

export interface ArtifactCapabilities {
  /** Acknowledged writes survive a crash of the server's machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
  /** Makes URLs by which a plain HTTP client reads and writes. */
  presign: boolean;
  /** `a` and `a/b` can both be artifacts. */
  nested: boolean;
  /** Keeps an index in a database, which `find` asks. */
  index: boolean;
}

/** What is known of an artifact. */
export interface ArtifactInfo {
  path: string;
  /** Bytes. */
  size: number;
  /** Of the content, lower-case hex. Null for one that came by a presigned URL and was not adopted. */
  sha256: string | null;
  contentType: string;
  /** Id of the run that made it. */
  run: string | null;
  metadata: Metadata;
  modifiedAt: Date;
}

export interface PutOptions {
  /** @default by the path's ending, else `application/octet-stream` */
  contentType?: string;
  /** Id of the run that makes it, by which it is deleted: 1 to 128 of `A-Z a-z 0-9 _ . -`, beginning with a letter or digit. */
  run?: string;
  /** At most 16 KiB of JSON. */
  metadata?: Metadata;
  /** SHA-256 that the content must have, lower-case hex: another one is refused (`invalid`), and nothing is stored under the path. */
  sha256?: string;
}

export type ArtifactBody = string | Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Bytes `start` to `end`, both included and counted from 0. Without `end`: to the last. */
export interface ByteRange {
  start: number;
  end?: number;
}

export interface Artifact extends ArtifactInfo {
  /**
   * The content, once. Of a whole read with a known hash it is checked while it flows, and a stream whose bytes are not the ones that were stored ends in an error
   * (`StoreError` code `failed`). A range cannot be checked. Read it to its end or cancel it: until then it holds a connection or a file.
   */
  body: ReadableStream<Uint8Array>;
}

export interface FindQuery {
  run?: string;
  contentType?: string;
  sha256?: string;
  /** Only paths that begin with this. */
  prefix?: string;
  /** Equal in the artifact's metadata, at its top level. */
  metadata?: Metadata;
  modifiedAfter?: Date;
  /** 1 to 10,000. @default 100 */
  limit?: number;
}

/**
 * The `artifact` role for one tenant: files that runs make and read, streamed at constant memory.
 *
 * A path is 1 to 512 bytes of UTF-8 in segments of 1 to 200 between `/`. Errors are `StoreError`, but what a body itself throws comes as it is. Bad input (`invalid`)
 * is refused before anything is written: a path that begins or ends with `/` or has an empty, `.` or `..` segment (spaces around the dots aside), a backslash, control characters, U+FFFE, U+FFFF or lone surrogates;
 * a text with lone surrogates; metadata that JSON cannot say.
 *
 * A put replaces the whole artifact or leaves the old one: readers see the one or the other. An artifact whose put was cut short between content and hash, or
 * overtaken there by another process that puts the same path, reads as one with `sha256: null`, until `adopt`, another put, or the fleet's `repair`.
 */
export interface ArtifactStore extends Capable<ArtifactCapabilities> {
  /** Stores a content whose length need not be known. */
  put(path: string, body: ArtifactBody, options?: PutOptions): Promise<ArtifactInfo>;
  /** Undefined when there is none. A range that begins behind the last byte is refused (`invalid`). */
  get(path: string, options?: { range?: ByteRange }): Promise<Artifact | undefined>;
  /** The whole content in memory, checked; at most 64 MiB. */
  bytes(path: string): Promise<Uint8Array | undefined>;
  /** The whole content as UTF-8 text, checked; at most 64 MiB. */
  text(path: string): Promise<string | undefined>;
  /** What is known of it, without its content; undefined when there is none. */
  stat(path: string): Promise<ArtifactInfo | undefined>;
  /** Every artifact whose path begins with `prefix`, in code-point order of paths, however many there are. Its times are the server's own. */
  list(options?: { prefix?: string }): AsyncIterable<Pick<ArtifactInfo, "path" | "size" | "modifiedAt">>;
  /** Whether there was one. */
  delete(path: string): Promise<boolean>;
  /** Removes what a run made; safe to repeat. */
  deleteByRun(run: string): Promise<{ deleted: number }>;
  /**
   * A URL by which whoever has it may read (`get`) or write (`put`) this one path, for `expiresMs`: 1,000 to 604,800,000 (a week). @default 15 minutes
   * What was written by it is there for readers at once, and gets hash, run and metadata by `adopt`. `contentType` is what a `get` answers; who writes names it in the
   * request, with `putHeaders`. Throws `unsupported` where `can.presign` is false.
   */
  presign(path: string, method: "get" | "put", options?: { expiresMs?: number; contentType?: string }): Promise<string>;
  /** Headers that a PUT to a presigned URL must have besides its type: none on most products. */
  readonly putHeaders: Readonly<Record<string, string>>;
  /** Reads an artifact once to give it its hash, and the run and metadata that are given; undefined when there is none. */
  adopt(path: string, options?: PutOptions): Promise<ArtifactInfo | undefined>;
  /** Asks the index, newest first. Throws `unsupported` where `can.index` is false. */
  find(query: FindQuery): Promise<ArtifactInfo[]>;
}

/** The `artifact` role's acts across tenants. */
export interface ArtifactFleet extends RoleFleet {
  /** Tenants that hold artifacts, with how many and how many bytes. */
  tenants(): Promise<{ tenant: string; artifacts: number; bytes: number }[]>;
  /**
   * Puts right what calls that were cut short left behind: artifacts without a hash get one, hashes and uploads without an artifact go, and the index says what the store holds.
   * Leaves alone what is younger than `olderThanMs`, which may still be under way. @default 15 minutes
   */
  repair(options?: { olderThanMs?: number }): Promise<{ adopted: number; removed: number; indexed: number }>;
}

export type ArtifactAdapter = RoleAdapter<ArtifactStore, ArtifactFleet>;

/**
 * The default export of every file that is named after a protocol.
 * @param index URL of the database that keeps the index; none: `can.index` is false
 */
export type OpenArtifact = (url: string, index?: string) => ArtifactAdapter;
