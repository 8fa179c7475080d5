import type { StoreError } from "../errors.ts";

/** What a server says of an object. */
export interface BucketObject {
  key: string;
  size: number;
  /** Changes with every content. */
  etag: string;
  modifiedAt: Date;
}

export interface BucketHead extends BucketObject {
  contentType: string;
}

/** An upload in parts that is not complete. */
export interface BucketUpload {
  key: string;
  id: string;
  begunAt: Date;
}

/** A part that the server has, and its name for it. Parts count from 1. */
export interface BucketPart {
  part: number;
  etag: string;
}

/** Part of the stream that a reader takes; both ends are included. */
export type BucketRange = { start: number; end?: number };

/** A body; read to its end, or destroyed. */
export type BucketBody = AsyncIterable<Uint8Array> & { destroy(): unknown };

/** What a range begins behind: the server's word for it, without the size. */
export class OutOfRange extends Error {}

/** Of how many bytes a range is: what stands behind the slash of `content-range`. */
export const wholeOf = (contentRange = ""): string | undefined => /\/(\d+)$/.exec(contentRange)?.[1];

/** A place for objects on a server of whichever protocol. Every call throws `StoreError`. */
export interface Bucket {
  readonly at: {
    /** Whether `a` and `a/b` can both be objects. */
    readonly nested: boolean;
    /** Whether objects are listed by keys, or folder by folder, which a server may keep when they are empty. */
    readonly listing: "keys" | "folders";
    /** Its name. */
    readonly bucket: string;
    /** Why no URL can be made by which others read and write; absent: it can. */
    readonly unsigned?: string | undefined;
    /** Most segments that a key may have; absent: as many as fit. */
    readonly segments?: number;
    /** Why uploads that are not complete cannot be listed, and need not be: they end by themselves; absent: they can. */
    readonly unlisted?: string;
    /** Whether what is written under a key ends an upload in parts of the same key. */
    readonly alone?: boolean;
  };
  /** Headers that a PUT to a presigned URL must have besides its type; absent: none. */
  readonly putHeaders?: Readonly<Record<string, string>>;
  /** Undefined when there is none. */
  head(key: string): Promise<BucketHead | undefined>;
  /** Undefined when there is none. Throws `OutOfRange` for a range that begins behind the end. */
  get(key: string, range?: BucketRange): Promise<{ head: BucketHead; body: BucketBody } | undefined>;
  /** A small object as text; undefined when there is none. */
  text(key: string): Promise<string | undefined>;
  /** Stores an object at once; resolves to its etag. */
  put(key: string, content: Buffer | string, contentType: string): Promise<string>;
  /** Begins an upload in parts; resolves to its id. */
  begin(key: string, contentType: string): Promise<string>;
  /** The content is the caller's again when it resolves, but that of the last part, which is the upload's. */
  part(key: string, id: string, part: number, content: Buffer, last: boolean): Promise<BucketPart>;
  /** Makes an object of the parts; resolves to its etag. */
  complete(key: string, id: string, parts: BucketPart[]): Promise<string>;
  abort(key: string, id: string): Promise<void>;
  /** Removes an object, whether it is there or not. */
  remove(key: string): Promise<void>;
  removeAll(keys: readonly string[]): Promise<void>;
  /** Every object whose key begins with `prefix`, in code-point order. */
  list(prefix: string): AsyncIterable<BucketObject>;
  /** Any key that begins with `prefix`; undefined when there is none. */
  first(prefix: string): Promise<string | undefined>;
  /** Removes the empty folders that a server left where objects were; `prefix` ends with a slash. */
  clearFolder(prefix: string): Promise<void>;
  /** The names before the first `/` of keys. */
  folders(): Promise<string[]>;
  /** Uploads in parts that are not complete and stay until they are aborted. */
  uploads(prefix: string): AsyncIterable<BucketUpload>;
  /** A URL by which whoever has it may do one thing with one object; what is read is answered as `contentType`. */
  presign(method: "GET" | "PUT", key: string, seconds: number, contentType?: string): Promise<string>;
  /** Whether it keeps folders as things of their own, which a cloud's bucket may have been made to do; false where the account may not know. */
  keepsFolders?(): Promise<boolean>;
  /** Makes the bucket; false where it was there. */
  make(): Promise<boolean>;
  /** Names of the buckets that this account may see, in order. */
  buckets(): Promise<string[]>;
  /** What answers. */
  health(): Promise<string>;
  /** What broke while a body was read. */
  explain(error: unknown): StoreError;
  close(): void;
}
