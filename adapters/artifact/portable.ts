import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { checkInteger, refuse } from "../input.ts";
import { batched, millisecondsOf, momentOf, notOurs, portions, tenantsOf } from "../portable.ts";
import type { Blobs, Portable, SnapshotRecord } from "../role.ts";
import type { Backend, Given, Kept } from "./backend.ts";
import { checked } from "./content.ts";
import { parallel } from "./turns.ts";
import { checkOptions, checkPath } from "./validate.ts";

/** Artifacts that are looked at together, and how many of them at a time. */
const BATCH = 64;
const AT_ONCE = 4;
/** How often, and after how many milliseconds each time, one is looked at that is younger than so many. */
const TRIES = 40;
const PAUSE_MS = 25;
const YOUNG_MS = 60_000;
const batches = { most: BATCH, bytes: Infinity, size: () => 0 };

/**
 * All artifacts, out and in: of each a record, and its content as a blob. One that has no hash, because it came by a presigned URL, is read to find it. An upload that never ended, and a mark of a run, is
 * no artifact.
 */
export function artifactPortable(backend: Backend): Portable {
  return {
    async *export({ tenant, blobs } = {}) {
      for (const one of await tenantsOf(tenant, () => backend.tenants())) {
        for await (const batch of batched(backend.list(one, ""), batches)) {
          const records = await parallel(batch, AT_ONCE, ({ path }) => recordOf(backend, one, path, blobs));
          yield* records.filter((record) => record !== undefined);
        }
      }
    },
    async import(records, blobs) {
      let artifact = 0;
      for await (const { tenant, records: some } of portions("artifact", records)) {
        for await (const batch of batched(some, batches)) {
          await parallel(batch.map(artifactOf), AT_ONCE, (one) => putOne(backend, tenant, one, blobs));
          artifact += batch.length;
        }
      }
      return { artifact };
    },
  };
}

/**
 * Undefined for one that was deleted meanwhile. A young one without a hash may be amid its put, between content and details: it is looked at again.
 */
async function recordOf(
  backend: Backend,
  tenant: string,
  path: string,
  blobs?: Blobs,
): Promise<SnapshotRecord | undefined> {
  for (let tries = 0; ; tries++) {
    const known = await backend.stat(tenant, path);
    if (!known) return undefined;
    const isAmid = (one: Kept) => one.sha256 === null && tries < TRIES && Date.now() - +one.modifiedAt < YOUNG_MS;
    // What is read may have replaced what was looked at: the record is of the bytes that were kept.
    let kept: Kept | undefined = known;
    if (!isAmid(known)) {
      if (known.sha256 !== null && !blobs) return record(tenant, known, known.sha256);
      const content = () => contentOf(backend, tenant, path, (read) => (kept = read));
      const { sha256, size } = blobs ? await blobs.keep(content, known.sha256 ?? undefined) : await hashOf(content());
      if (!kept) return undefined;
      if (!isAmid(kept)) return record(tenant, { ...kept, size }, sha256);
    }
    await sleep(PAUSE_MS);
  }
}

async function* contentOf(
  backend: Backend,
  tenant: string,
  path: string,
  found: (kept: Kept | undefined) => void,
): AsyncGenerator<Uint8Array> {
  const read = await backend.get(tenant, path);
  found(read?.kept);
  if (!read) return;
  try {
    yield* checked(read).chunks;
  } finally {
    await read.close();
  }
}

async function hashOf(content: AsyncIterable<Uint8Array>): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of content) {
    hash.update(piece);
    size += piece.length;
  }
  return { sha256: hash.digest("hex"), size };
}

function record(tenant: string, kept: Kept, sha256: string): SnapshotRecord {
  const { path, size, contentType, run, metadata } = kept;
  const modifiedAt = momentOf(kept.modifiedAt.getTime());
  return { kind: "artifact", tenant, path, size, sha256, contentType, run, metadata, modifiedAt };
}

interface PortableArtifact {
  path: string;
  size: number;
  options: Given & { sha256: string; modifiedAt: Date };
}

/** An artifact of its record, or `StoreError` code `invalid`. */
function artifactOf(record: SnapshotRecord): PortableArtifact {
  const { kind, path, size, run, modifiedAt, ...given } = record as unknown as SnapshotRecord & Kept;
  const { contentType, metadata, sha256 } = given;
  if (kind !== "artifact" || run === undefined || !metadata || !contentType || !sha256)
    return notOurs("artifact", record);
  const options = checkOptions(checkPath(path), { contentType, metadata, sha256, ...(run !== null && { run }) });
  return {
    path,
    size: checkInteger("artifact", size, "An artifact's size", 0, Number.MAX_SAFE_INTEGER),
    options: { ...options, sha256, modifiedAt: new Date(millisecondsOf("artifact", modifiedAt)) },
  };
}

/** Leaves alone what is there as it must be: a restore that is repeated sends no content twice. */
async function putOne(
  backend: Backend,
  tenant: string,
  { path, size, options }: PortableArtifact,
  blobs?: Blobs,
): Promise<void> {
  const { contentType, run, metadata, sha256, modifiedAt } = options;
  const there = await backend.stat(tenant, path);
  const wanted = { path, size, contentType, run, metadata, sha256, modifiedAt };
  if (there && isDeepStrictEqual({ ...wanted, ...there }, { ...there, ...wanted })) return;
  if (!blobs)
    return refuse("artifact", "The records name contents, which are not at hand.", "Give the blobs to import().");
  await backend.put(tenant, path, { stream: blobs.read(sha256) }, options);
}
