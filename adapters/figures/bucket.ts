import type { Bucket, BucketUpload } from "../clients/bucket.ts";
import { openBucket } from "../clients/buckets.ts";
import { messageOf } from "../errors.ts";
import type { Figure, ReadFigures } from "./contract.ts";
import { byTenant } from "./tenants.ts";
import { counted, duration, short, whole } from "./text.ts";

/** What one look may cost, whatever the bucket holds: a page of 1,000 is a request. */
const MOST = { objects: 20_000, uploads: 1_000 };
/** An upload that began so long ago is not under way any more. */
const STALE_MS = 24 * 3_600_000;

const read: ReadFigures = async ({ admin, fleet }, signal) => {
  const [root, own] = [admin, fleet].map((url) => openBucket(impatient(url))) as [Bucket, Bucket];
  try {
    const [objects, buckets, uploads] = await Promise.all([
      tenantsOf(own, signal),
      bucketsOf(root),
      uploadsOf(own, signal),
    ]);
    const { figures, tables } = byTenant(objects.found, objects.limit, `bucket ${own.at.bucket}`);
    return { figures: [buckets, ...figures, uploads], tables };
  } finally {
    root.close();
    own.close();
  }
};
export default read;

function impatient(url: string): string {
  const at = new URL(url);
  at.searchParams.set("timeout", "1500");
  return at.href;
}

/** Artifacts and their bytes; the notes that the adapter keeps beside them do not count. */
async function tenantsOf(bucket: Bucket, signal: AbortSignal) {
  const tenants = new Map<string, { tenant: string; objects: number; bytes: number }>();
  let seen = 0;
  let limit = "";
  for await (const { key, size } of bucket.list("")) {
    const [tenant = "", kind] = key.split("/", 2);
    const one = tenants.get(tenant) ?? { tenant, objects: 0, bytes: 0 };
    if (kind === "files") tenants.set(tenant, { tenant, objects: one.objects + 1, bytes: one.bytes + size });
    if (++seen < MOST.objects && !signal.aborted) continue;
    limit = `at least: the look ended after ${counted(seen, "object")}`;
    break;
  }
  return { found: [...tenants.values()], limit };
}

async function bucketsOf(bucket: Bucket): Promise<Figure> {
  try {
    const names = await bucket.buckets();
    return { name: "buckets", value: names.length, text: whole(names.length), note: short(names.join(" ")) };
  } catch (error) {
    return { name: "buckets", value: null, text: "not known", note: messageOf(error) };
  }
}

async function uploadsOf(bucket: Bucket, signal: AbortSignal): Promise<Figure> {
  const { unlisted } = bucket.at;
  if (unlisted) return { name: "unfinished uploads", value: null, text: "not known", note: unlisted };
  const found: BucketUpload[] = [];
  for await (const one of bucket.uploads("")) {
    found.push(one);
    if (found.length >= MOST.uploads || signal.aborted) break;
  }
  const first = found.toSorted((one, other) => one.begunAt.getTime() - other.begunAt.getTime())[0];
  const age = first ? Date.now() - first.begunAt.getTime() : 0;
  return {
    name: "unfinished uploads",
    value: found.length,
    text: whole(found.length),
    note: first && `the oldest began ${duration(Math.max(0, age))} ago: ${short(first.key)}`,
    ...(age > STALE_MS && { warn: "they take room and are not artifacts: the fleet's repair() removes them" }),
  };
}
