import { canonical, sha256 } from "../canonical.ts";
import { StoreError } from "../errors.ts";
import { isPlain, isTenant } from "../input.ts";

/*
 * A snapshot is a folder, and nothing in it depends on a product:
 *
 *   manifest.json        what is in the others, in canonical JSON with a hash of its own
 *   <role>.ndjson        a role's records, one line of canonical JSON each
 *   blobs.ndjson         sha256 and size of every content, in order of the hashes
 *   blobs/ab/abcd…       the contents by their SHA-256
 */

export const FORMAT = "agent-stores/snapshot";
export const VERSION = 1;
export const MANIFEST = "manifest.json";
export const BLOBS = "blobs";
export const BLOB_LIST = "blobs.ndjson";

/** The longest line that is written or read, in bytes with its end. */
export const MAX_LINE = 16 << 20;
/** The largest manifest: room for some hundred thousand tenants. */
export const MAX_MANIFEST = 16 << 20;

/** A file of lines. */
export interface FileFacts {
  bytes: number;
  sha256: string;
}

export interface RoleFacts extends FileFacts {
  /** Of the store that it was exported from, e.g. `postgres`. */
  protocol: string;
  /** Records by kind. */
  counts: Record<string, number>;
}

/** What a snapshot holds. */
export interface Manifest {
  format: typeof FORMAT;
  version: number;
  /** UTC with microseconds. */
  madeAt: string;
  /** The one tenant that was exported; null: all. */
  tenant: string | null;
  /** Those that have records, in order. */
  tenants: string[];
  roles: Record<string, RoleFacts>;
  /** Contents, and the file that lists them. */
  blobs: FileFacts & { count: number; contents: number };
  /** Of the canonical JSON of everything above. */
  sha256: string;
}

/** What is wrong with a snapshot, by the name of its file. */
export function damaged(file: string, what: string, cause?: unknown): StoreError {
  const mend = "Restore another snapshot, or a copy of this one that is whole.";
  return new StoreError("failed", "snapshot", `${file} ${what}.`, mend, cause);
}

export const sealed = (body: Omit<Manifest, "sha256">): Manifest => ({ ...body, sha256: sha256(canonical(body)) });

/** The manifest of its text. Throws `StoreError` for one that is damaged, foreign or of a version that is not known. */
export function manifestOf(text: string): Manifest {
  const value = parsed(text);
  if (!isPlain(value) || value.format !== FORMAT)
    throw new StoreError("invalid", "snapshot", `${MANIFEST} is not of a snapshot.`, "Name a folder that export made.");
  if (value.version !== VERSION)
    throw new StoreError(
      "invalid",
      "snapshot",
      `The snapshot is of version ${String(value.version).slice(0, 20)}, this version reads ${VERSION}.`,
      "Update agent-stores to the version that made it, or newer.",
    );
  const { sha256: stated, ...body } = value;
  if (sha256(canonical(body)) !== stated || text !== canonical(value))
    throw damaged(MANIFEST, "is not as it was written");
  if (!isManifest(value)) throw damaged(MANIFEST, "lacks what a manifest has");
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(MANIFEST, "is no JSON", cause);
  }
}

const isCount = (value: unknown) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
export const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isFile = (value: unknown): value is FileFacts => isPlain(value) && isCount(value.bytes) && isHash(value.sha256);
/** A role's name is the name of its file. */
const isRole = (name: string) => /^[a-z]{1,32}$/.test(name) && name !== BLOBS;

function isManifest(value: object): value is Manifest {
  const { madeAt, tenant, tenants, roles, blobs } = value as Manifest;
  return (
    typeof madeAt === "string" &&
    (tenant === null || isTenant(tenant)) &&
    Array.isArray(tenants) &&
    tenants.every(isTenant) &&
    isPlain(roles) &&
    Object.entries(roles).every(
      ([name, role]) =>
        isRole(name) &&
        isFile(role) &&
        typeof role.protocol === "string" &&
        isPlain(role.counts) &&
        Object.values(role.counts).every(isCount),
    ) &&
    isFile(blobs) &&
    isCount(blobs.count) &&
    isCount(blobs.contents)
  );
}

/** An error of the file system as ours. */
export function fileError(error: unknown, folder: string): unknown {
  if (error instanceof StoreError) return error;
  const code = /^E[A-Z]+$/.exec(String((error as NodeJS.ErrnoException | null)?.code))?.[0];
  const make = (kind: StoreError["code"], what: string, mend: string) =>
    new StoreError(kind, "snapshot", what, mend, error);
  switch (code) {
    case undefined:
      return error;
    case "ENOSPC":
    case "EDQUOT":
      return make("full", `The disk of ${folder} is full.`, "Free or add space, then export again.");
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return make("denied", `This account may not read or write ${folder} (${code}).`, "See whose folder it is.");
    case "ENOTEMPTY":
      return make("conflict", `${folder} is there already.`, "Give another name, or remove it.");
    case "ENOENT":
      return make("invalid", `There is no snapshot in ${folder}.`, "Name a folder that export made.");
    default:
      return make("failed", `The file system says ${code} of ${folder}.`, "The cause has its details.");
  }
}
