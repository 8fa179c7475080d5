import type { Bucket } from "../clients/bucket.ts";
import type { Kept } from "./backend.ts";
import { parallel } from "./turns.ts";

const BATCH = 1_000;
const AT_ONCE = 8;

type Stat = (path: string) => Promise<Kept | undefined>;

/** Removes details and marks that belong to no artifact, and uploads that nobody completes, if they are older than `before`. Counts them. */
export async function sweep(bucket: Bucket, tenant: string, before: Date, stat: Stat): Promise<number> {
  const details = await sweepKeys(bucket, `${tenant}/meta/`, before, async (path) => (await stat(path)) === undefined);
  const marks = await sweepKeys(bucket, `${tenant}/runs/`, before, async (name) => {
    const { run, path } = markedBy(`${tenant}/runs/${name}`);
    return (await stat(path))?.run !== run;
  });
  return details + marks + (await abortUploads(bucket, tenant, before));
}

/** What a mark's key, `<tenant>/runs/<run>/<hash>/<path>`, says. */
export function markedBy(key: string): { run: string; path: string } {
  const [, , run = "", , ...path] = key.split("/");
  return { run, path: path.join("/") };
}

async function sweepKeys(bucket: Bucket, base: string, before: Date, stray: (name: string) => Promise<boolean>) {
  let removed = 0;
  let batch: string[] = [];
  const settle = async () => {
    const found = await parallel(batch, AT_ONCE, async (key) => ((await stray(key.slice(base.length))) ? [key] : []));
    await bucket.removeAll(found.flat());
    removed += found.flat().length;
    batch = [];
  };
  for await (const { key, modifiedAt } of bucket.list(base)) {
    if (modifiedAt < before) batch.push(key);
    if (batch.length === BATCH) await settle();
  }
  await settle();
  return removed;
}

async function abortUploads(bucket: Bucket, tenant: string, before: Date): Promise<number> {
  const old = [];
  for await (const upload of bucket.uploads(`${tenant}/files/`)) if (upload.begunAt < before) old.push(upload);
  for (const { key, id } of old) await bucket.abort(key, id);
  return old.length;
}

/** Removes everything of a tenant. */
export async function removeTenant(bucket: Bucket, tenant: string): Promise<Record<string, number>> {
  let artifacts = 0;
  let batch: string[] = [];
  const settle = async () => {
    await bucket.removeAll(batch);
    batch = [];
  };
  for await (const { key } of bucket.list(`${tenant}/`)) {
    if (key.startsWith(`${tenant}/files/`)) artifacts++;
    batch.push(key);
    if (batch.length === BATCH) await settle();
  }
  await settle();
  await abortUploads(bucket, tenant, new Date(8.64e15));
  return { artifacts };
}
