import { lstat, opendir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { canonical } from "../canonical.ts";
import { isPlain, isTenant } from "../input.ts";
import type { Blobs, SnapshotRecord } from "../role.ts";
import { BlobFolder, blobPath } from "./blobs.ts";
import { linesOf, openFile } from "./files.ts";
import {
  BLOB_LIST,
  BLOBS,
  damaged,
  fileError,
  isHash,
  MANIFEST,
  MAX_MANIFEST,
  type Manifest,
  manifestOf,
} from "./format.ts";

/** A snapshot that was found whole. */
export interface Snapshot {
  manifest: Manifest;
  /** A role's records, all or one tenant's. */
  records(role: string, tenant?: string): AsyncGenerator<SnapshotRecord>;
  blobs: Blobs;
}

/** What a snapshot says of itself; nothing else of it is looked at. Throws `StoreError`. */
export async function readManifest(folder: string): Promise<Manifest> {
  try {
    await readdir(folder);
    const handle = await openFile(join(folder, MANIFEST), MANIFEST);
    try {
      if ((await handle.stat()).size > MAX_MANIFEST) throw damaged(MANIFEST, "has more than 16 MiB");
      return manifestOf(new TextDecoder("utf-8", { ignoreBOM: true }).decode(await handle.readFile()));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(error, folder);
  }
}

/**
 * Reads all of a snapshot and compares it with its manifest: every file, line and content. Throws `StoreError` that names what is damaged, missing or too much; then nothing of it can be trusted.
 * @param progress called now and then with the file that is read, and how many of its lines
 */
export async function openSnapshot(
  folder: string,
  progress: (file: string, lines: number) => void = () => {},
): Promise<Snapshot> {
  const root = resolve(folder);
  const manifest = await readManifest(root);
  try {
    await checkEntries(root, manifest);
    for (const role of Object.keys(manifest.roles)) await checkRole(root, manifest, role, progress);
    await checkBlobs(root, manifest, progress);
  } catch (error) {
    throw fileError(error, root);
  }
  return {
    manifest,
    blobs: new BlobFolder(root),
    async *records(role, tenant) {
      for await (const line of lines(root, manifest, role)) {
        const record = JSON.parse(line) as SnapshotRecord;
        if (tenant === undefined || record.tenant === tenant) yield record;
      }
    },
  };
}

function lines(root: string, { roles }: Manifest, role: string): AsyncGenerator<string> {
  const facts = roles[role];
  if (!facts) throw damaged(MANIFEST, `has no role ${role}`);
  return linesOf(join(root, `${role}.ndjson`), `${role}.ndjson`, facts);
}

/** Only what the manifest names may lie there. */
async function checkEntries(root: string, { roles }: Manifest): Promise<void> {
  const known = new Set([MANIFEST, BLOB_LIST, BLOBS, ...Object.keys(roles).map((role) => `${role}.ndjson`)]);
  for await (const { name } of await opendir(root))
    if (!known.has(name)) throw damaged(name, "does not belong to the snapshot");
  const folder = await lstat(join(root, BLOBS)).catch(() => undefined);
  if (!folder?.isDirectory()) throw damaged(BLOBS, folder?.isSymbolicLink() ? "is a link" : "is missing");
}

async function checkRole(
  root: string,
  manifest: Manifest,
  role: string,
  progress: (file: string, lines: number) => void,
): Promise<void> {
  const file = `${role}.ndjson`;
  const tenants = new Set(manifest.tenants);
  const counts: Record<string, number> = {};
  let number = 0;
  for await (const line of lines(root, manifest, role)) {
    number++;
    const record = recordOf(line);
    if (!record || !tenants.has(record.tenant)) throw damaged(file, `has no record in line ${number}`);
    counts[record.kind] = (counts[record.kind] ?? 0) + 1;
    if (number % 1_000 === 0) progress(file, number);
  }
  progress(file, number);
  if (canonical(counts) !== canonical(manifest.roles[role]?.counts))
    throw damaged(file, "has other records than its manifest says");
}

/** Undefined for a line that is not written as records are. */
function recordOf(line: string): SnapshotRecord | undefined {
  try {
    const value = JSON.parse(line) as SnapshotRecord;
    const isRecord = isPlain(value) && typeof value.kind === "string" && isTenant(value.tenant);
    return isRecord && canonical(value) === line ? value : undefined;
  } catch {
    return undefined; // no JSON, or nested without end
  }
}

/** Compares contents with their list, name by name: both are in order. */
async function checkBlobs(
  root: string,
  { blobs: facts }: Manifest,
  progress: (file: string, lines: number) => void,
): Promise<void> {
  const list = () => linesOf(join(root, BLOB_LIST), BLOB_LIST, facts);
  for await (const _ of list()); // whole, or what it says of contents is worth nothing
  const folder = new BlobFolder(root);
  const there = folder.names(facts.count);
  let count = 0;
  let contents = 0;
  for await (const line of list()) {
    const blob = blobOf(line);
    if (!blob) throw damaged(BLOB_LIST, `names no content in line ${count + 1}`);
    const { sha256, size } = blob;
    const { value: name } = await there.next();
    if (name !== sha256) {
      if (name !== undefined && name < sha256) throw damaged(`${BLOBS}/${name}`, "does not belong to the snapshot");
      throw damaged(blobPath(sha256), "is missing");
    }
    await folder.check(sha256, size);
    count++;
    contents += size;
    if (count % 10 === 0) progress(BLOBS, count);
  }
  progress(BLOBS, count);
  const { value: more } = await there.next();
  if (more !== undefined) throw damaged(`${BLOBS}/${more}`, "does not belong to the snapshot");
  if (count !== facts.count || contents !== facts.contents)
    throw damaged(BLOB_LIST, "has other contents than the manifest says");
}

function blobOf(line: string): { sha256: string; size: number } | undefined {
  try {
    const { sha256, size } = JSON.parse(line) as { sha256: string; size: number };
    return isHash(sha256) && canonical({ sha256, size }) === line ? { sha256, size } : undefined;
  } catch {
    return undefined;
  }
}
