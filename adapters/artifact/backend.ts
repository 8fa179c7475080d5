import type { Content } from "./content.ts";
import type { ArtifactCapabilities, ArtifactInfo, ByteRange } from "./contract.ts";
import type { CheckedOptions } from "./validate.ts";

/** An artifact as its protocol knows it. */
export interface Kept extends ArtifactInfo {
  /** Changes with every content: it ties a hash, and a row of the index, to the content that they describe. */
  version: string;
}

/** What listing says without opening anything. */
export type Listed = Pick<Kept, "path" | "size" | "modifiedAt" | "version">;

/** What is written beside a content. */
export type Details = Pick<Kept, "size" | "sha256" | "contentType" | "run" | "metadata" | "modifiedAt" | "version">;

/** What a put says beside the content. */
export type Given = CheckedOptions & {
  /** When it was made, for one that comes from another store. @default now */
  modifiedAt?: Date;
};

export interface Read {
  kept: Kept;
  /** The bytes of the range, else all; once. */
  chunks: AsyncIterable<Uint8Array>;
  /** Lets go of what holds them; safe to repeat. */
  close(): Promise<void>;
}

/**
 * What a protocol does for the role: tenants, paths and options that come here were checked. Throws `StoreError`; none of it asks an index.
 */
export interface Backend {
  readonly can: Omit<ArtifactCapabilities, "index">;
  readonly why: Partial<Record<keyof ArtifactCapabilities, string>>;
  /** Content first, then its details; a content that fails, or has another hash than it must, changes nothing. */
  put(tenant: string, path: string, content: Content, options: Given): Promise<Kept>;
  /** Undefined when there is none. */
  get(tenant: string, path: string, range?: ByteRange): Promise<Read | undefined>;
  stat(tenant: string, path: string): Promise<Kept | undefined>;
  /** In code-point order of paths. */
  list(tenant: string, prefix: string): AsyncIterable<Listed>;
  /** Removes those that are there, and counts them. */
  remove(tenant: string, paths: readonly string[]): Promise<number>;
  /** Paths of the artifacts that a run made. */
  ofRun(tenant: string, run: string): Promise<string[]>;
  /** Writes details beside the content that they describe; false when there is another one, or none, by now. */
  describe(tenant: string, path: string, details: Details): Promise<boolean>;
  /** The details that lie beside a content, which may be those of an older one. */
  details(tenant: string, path: string): Promise<Details | undefined>;
  /** What a PUT to a presigned URL must say besides its type. */
  readonly putHeaders?: Readonly<Record<string, string>> | undefined;
  presign?(tenant: string, path: string, method: "get" | "put", seconds: number, contentType?: string): Promise<string>;
  /** In order. */
  tenants(): Promise<string[]>;
  /** Counts what was removed, by kind. */
  removeTenant(tenant: string): Promise<Record<string, number>>;
  /** Removes details, marks of runs and uploads without an artifact that are older than `before`, and counts them. */
  sweep(tenant: string, before: Date): Promise<number>;
  health(): Promise<string>;
  close(): Promise<void>;
}
