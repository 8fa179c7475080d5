import { sha256 as hashOf } from "../canonical.ts";
import { type Bucket, type BucketHead, type BucketObject, OutOfRange } from "../clients/bucket.ts";
import { StoreError } from "../errors.ts";
import { refuse } from "../input.ts";
import type { Backend, Details, Kept, Listed } from "./backend.ts";
import { markedBy, removeTenant, sweep } from "./bucket-sweep.ts";
import { draftOf } from "./bucket-upload.ts";
import type { ByteRange } from "./contract.ts";
import { detailsOf, detailsText } from "./details.ts";
import { parallel, Turns } from "./turns.ts";
import { refuseRange } from "./validate.ts";

/** Requests of one call that are under way at a time. */
const AT_ONCE = 8;
const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * The `artifact` role in a bucket, of whichever protocol: `<tenant>/files/<path>` the content, `<tenant>/meta/<path>` its details, `<tenant>/runs/<run>/<hash of the path>/<path>` empty marks by
 * which a run's artifacts are found. The hash keeps marks out of each other's way: one that was left behind may be where another needs a folder.
 */
export function inBucket(bucket: Bucket, name: string): Backend {
  const turns = new Turns();
  const inTurn = <T>(tenant: string, path: string, work: () => Promise<T>) => turns.take(filesKey(tenant, path), work);
  const details = async (tenant: string, path: string): Promise<Details | undefined> => {
    const text = await bucket.text(metaKey(tenant, path));
    return text === undefined ? undefined : detailsOf(text);
  };
  const stat = async (tenant: string, path: string): Promise<Kept | undefined> => {
    const [head, beside] = await Promise.all([bucket.head(filesKey(tenant, path)), details(tenant, path)]);
    return head && keptOf(path, head, beside);
  };
  /** The mark first: one without an artifact is harmless, an artifact without one would not be found. */
  const keep = async (tenant: string, kept: Kept) => {
    if (kept.run) await bucket.put(runKey(tenant, kept.run, kept.path), "", "application/octet-stream");
    await bucket.put(metaKey(tenant, kept.path), detailsText(kept), "application/json");
  };
  const removeOne = async (tenant: string, path: string) => {
    const [head, beside] = await Promise.all([bucket.head(filesKey(tenant, path)), details(tenant, path)]);
    if (head) await bucket.remove(filesKey(tenant, path));
    await Promise.all([
      beside && bucket.remove(metaKey(tenant, path)),
      beside?.run && bucket.remove(runKey(tenant, beside.run, path)),
    ]);
    return head !== undefined;
  };

  const { nested, unsigned, segments = Infinity, alone = false } = bucket.at;
  return {
    can: { durable: true, shared: true, presign: unsigned === undefined, nested },
    why: {
      ...(!nested && { nested: "The server keeps folders: where `a` is, `a/b` cannot be." }),
      ...(unsigned !== undefined && { presign: unsigned }),
    },
    putHeaders: bucket.putHeaders,
    async put(tenant, path, content, { contentType, run, metadata, sha256, modifiedAt = new Date() }) {
      refuseDepth(name, path, segments);
      const begin = () => draftOf(bucket, filesKey(tenant, path), path, content, contentType, sha256);
      const ready = alone ? undefined : await begin();
      return inTurn(tenant, path, async () => {
        const draft = ready ?? (await begin());
        let version: string;
        try {
          if (!nested) await refuseBeside(bucket, name, tenant, path);
          version = await draft.commit();
        } catch (error) {
          await draft.discard().catch(() => {});
          throw error;
        }
        const { size, sha256 } = draft;
        const kept = { path, size, sha256, contentType, run, metadata, modifiedAt, version };
        await keep(tenant, kept);
        return kept;
      });
    },
    async get(tenant, path, range) {
      const [got, beside] = await both(
        getObject(bucket, filesKey(tenant, path), path, range),
        details(tenant, path),
        (got) => got?.body.destroy(),
      );
      if (!got) return undefined;
      const { head, body } = got;
      const close = async () => void body.destroy();
      if (range && range.start >= head.size) {
        await close();
        refuseRange(path, range.start, head.size);
      }
      return { kept: keptOf(path, head, beside), chunks: chunksOf(bucket, body), close };
    },
    stat,
    async *list(tenant, prefix) {
      // No server lists what begins with a segment that it takes for a way up.
      const last = prefix.slice(prefix.lastIndexOf("/") + 1);
      const asked = /^\.{1,2}$/.test(last.trim()) ? prefix.slice(0, prefix.length - last.length) : prefix;
      const base = filesKey(tenant, "");
      for await (const object of bucket.list(base + asked)) {
        const listed = listedOf(object, base);
        if (listed.path.startsWith(prefix)) yield listed;
      }
    },
    async remove(tenant, paths) {
      const removed = await parallel(paths, AT_ONCE, (path) => inTurn(tenant, path, () => removeOne(tenant, path)));
      return removed.filter(Boolean).length;
    },
    async ofRun(tenant, run) {
      const marked: string[] = [];
      for await (const { key } of bucket.list(runFolder(tenant, run))) marked.push(markedBy(key).path);
      const kept = await parallel(marked, AT_ONCE, (path) => stat(tenant, path));
      return kept.flatMap((one) => (one?.run === run ? [one.path] : []));
    },
    describe: (tenant, path, given) =>
      inTurn(tenant, path, async () => {
        if ((await bucket.head(filesKey(tenant, path)))?.etag !== given.version) return false;
        await keep(tenant, { ...given, path });
        return true;
      }),
    details,
    ...(unsigned === undefined && {
      async presign(tenant: string, path: string, method: "get" | "put", seconds: number, contentType?: string) {
        refuseDepth(name, path, segments);
        const key = filesKey(tenant, path);
        return method === "get"
          ? bucket.presign("GET", key, seconds, contentType)
          : bucket.presign("PUT", key, seconds);
      },
    }),
    async tenants() {
      return (await bucket.folders()).filter((name) => TENANT.test(name)).sort();
    },
    removeTenant: (tenant) => removeTenant(bucket, tenant),
    sweep: (tenant, before) => sweep(bucket, tenant, before, (path) => stat(tenant, path)),
    health: () => bucket.health(),
    async close() {
      bucket.close();
    },
  };
}

const filesKey = (tenant: string, path: string) => `${tenant}/files/${path}`;
const metaKey = (tenant: string, path: string) => `${tenant}/meta/${path}`;
const runFolder = (tenant: string, run: string) => `${tenant}/runs/${run}/`;
const runKey = (tenant: string, run: string, path: string) => `${runFolder(tenant, run)}${hashOf(path)}/${path}`;

/** Segments that a mark of a run, the longest of a path's keys, has before the path. */
const BEFORE = runKey("", "", "").split("/").length - 1;

function refuseDepth(name: string, path: string, segments: number): void {
  const most = segments - BEFORE;
  if (path.split("/").length > most)
    refuse(name, `A path has at most ${most} segments on this server.`, "Name it with fewer slashes.");
}

function listedOf({ key, size, etag, modifiedAt }: BucketObject, base: string): Listed {
  return { path: key.slice(base.length), size, modifiedAt, version: etag };
}

/** With the details beside it, if they are those of this content. */
function keptOf(path: string, head: BucketHead, beside: Details | undefined): Kept {
  if (beside?.version === head.etag) return { ...beside, path, size: head.size };
  const { size, contentType, modifiedAt, etag } = head;
  return { path, size, sha256: null, contentType, run: null, metadata: {}, modifiedAt, version: etag };
}

/** Waits for both; where the second fails, lets go of what the first got. */
async function both<A, B>(first: Promise<A>, second: Promise<B>, letGo: (got: A) => void): Promise<[A, B]> {
  const [one, other] = await Promise.allSettled([first, second]);
  if (one.status === "rejected") throw one.reason;
  if (other.status === "fulfilled") return [one.value, other.value];
  letGo(one.value);
  throw other.reason;
}

async function getObject(bucket: Bucket, key: string, path: string, range?: ByteRange) {
  try {
    return await bucket.get(key, range);
  } catch (error) {
    if (!(error instanceof OutOfRange) || !range) throw error;
    return refuseRange(path, range.start, (await bucket.head(key))?.size ?? 0);
  }
}

async function* chunksOf(bucket: Bucket, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw bucket.explain(error);
  }
}

/**
 * Throws `StoreError` code `conflict` where an artifact is above or below a path. A server that keeps folders need not say so itself: MinIO takes both, and lists one. Two
 * processes that put such paths at the same moment are not told.
 */
async function refuseBeside(bucket: Bucket, name: string, tenant: string, path: string): Promise<void> {
  const segments = path.split("/");
  const above = segments.slice(1).map((_, i) => segments.slice(0, i + 1).join("/"));
  const [below, ...heads] = await Promise.all([
    bucket.first(filesKey(tenant, `${path}/`)),
    ...above.map((one) => bucket.head(filesKey(tenant, one))),
  ]);
  const other = below?.slice(filesKey(tenant, "").length) ?? above[heads.findIndex((head) => head !== undefined)];
  if (other === undefined) {
    const folders = bucket.at.listing === "folders" && !(await bucket.head(filesKey(tenant, path)));
    if (folders) for (const key of [filesKey(tenant, path), metaKey(tenant, path)]) await bucket.clearFolder(`${key}/`);
    return;
  }
  const what = `${JSON.stringify(path)} cannot be beside ${JSON.stringify(other)}: a folder cannot be an object here.`;
  throw new StoreError("conflict", name, what, "Name one of them differently, or delete the other first.");
}
