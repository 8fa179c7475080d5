import { schemeOf } from "./env.ts";
import { type Json, refuse } from "./input.ts";

/** One record of a snapshot, in plain JSON: bytes as base64, moments as UTC with microseconds (`2026-01-31T12:00:00.000000Z`), vectors as base64 of little-endian float32. */
export interface SnapshotRecord {
  /** What it is, in the role's own words, e.g. `fact`. */
  readonly kind: string;
  readonly tenant: string;
  readonly [field: string]: Json;
}

/** Where contents lie that are too large for a record: it names one by its SHA-256, in lower-case hex. */
export interface Blobs {
  /** Keeps a content, once however often it comes: one that is there under `known`, its SHA-256, is not read again. Resolves to what it is, size in bytes. */
  keep(content: () => AsyncIterable<Uint8Array>, known?: string): Promise<{ sha256: string; size: number }>;
  /** A content that was kept, piece by piece. Throws `StoreError` for one that is not there. */
  read(sha256: string): AsyncIterable<Uint8Array>;
}

/** What every role's fleet can do with all that it holds, whatever the product. The same content is the same records in the same order on every product. */
export interface Portable {
  /**
   * Everything of one tenant, or of all in order of their ids, as records. Within a tenant they come in an order in which `import` can take them: by kind, then by key in
   * code-point order. Memory stays constant. Each record is whole; records that change meanwhile are seen before or after.
   *
   * A role that has contents beside its records puts them into `blobs`, each before the record that names it; without `blobs` they stay where they are.
   */
  export(options?: { tenant?: string; blobs?: Blobs }): AsyncIterable<SnapshotRecord>;
  /**
   * Writes records as they were exported, over what is there under the same keys; safe to repeat. Counts them by kind. Refuses (`invalid`) a record that is not one of the
   * role's, and one that names a content where there are no `blobs`.
   */
  import(records: AsyncIterable<SnapshotRecord>, blobs?: Blobs): Promise<Record<string, number>>;
}

/** The acts across tenants that every role has. */
export interface RoleFleet extends Portable {
  /** Removes everything of one tenant; safe to repeat. Counts what was removed, by kind. */
  deleteTenant(tenant: string): Promise<Record<string, number>>;
  /** The tenants that hold anything, in order of their ids. */
  tenants(): Promise<readonly { tenant: string }[]>;
}

/** What ends some time: by its own expiry, or because it was deleted or finished. */
export interface Retaining {
  /** Removes for good what ended longer ago than this; counts it by kind. What lives on is never touched. */
  purge(options: { olderThanMs: number }): Promise<Record<string, number>>;
  /** Counts what `purge` would remove now, by kind. Absent where that would cost as much as removing it. */
  ended?(options: { olderThanMs: number }): Promise<Record<string, number>>;
}

/** What a protocol offers for a role. Nothing connects before the first call that needs it. */
export interface RoleAdapter<Store, Fleet extends RoleFleet = RoleFleet> {
  tenant(tenant: string): Store;
  readonly fleet: Fleet;
  /** Asks the server whether it can serve this role; resolves to what it is, e.g. `PostgreSQL 18.6, pgvector 0.8.7`. Throws `StoreError`. */
  health(): Promise<string>;
  close(): Promise<void>;
}

/** What a store can do beyond its contract's core; for each that is false, `why` says the reason. */
export interface Capable<Capabilities> {
  readonly can: Capabilities;
  readonly why: Partial<Record<keyof Capabilities, string>>;
}

/** The adapter file for a URL's protocol. Throws `StoreError` code `invalid`, naming the protocols that serve the role. */
export function byScheme<Open>(role: string, files: Readonly<Record<string, Open>>, url: string): Open {
  const scheme = schemeOf(url);
  const open = Object.hasOwn(files, scheme) ? files[scheme] : undefined;
  if (open) return open;
  const known = Object.keys(files).join(" ");
  return refuse(
    role,
    `${role.toUpperCase()}_URL has the protocol "${scheme}", which does not serve this role.`,
    `Use one of: ${known}`,
  );
}
