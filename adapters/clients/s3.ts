import type { IncomingMessage } from "node:http";
import type { Client } from "minio";
import type { StoreError } from "../errors.ts";
import {
  type Bucket,
  type BucketHead,
  type BucketObject,
  type BucketRange,
  type BucketUpload,
  OutOfRange,
  wholeOf,
} from "./bucket.ts";
import { textOf } from "./http-transport.ts";
import { codeOf } from "./network.ts";
import { S3Connection } from "./s3-connection.ts";
import { isMissing, toS3Error } from "./s3-errors.ts";
import { listingQuery, readListing, type S3Asked, type S3Page } from "./s3-listing.ts";

/** A bucket that speaks S3. */
export class S3Bucket extends S3Connection implements Bucket {
  async head(key: string): Promise<BucketHead | undefined> {
    const answer = await this.#ifThere((client) => client.makeRequestAsyncOmit(this.#to("HEAD", key)));
    return answer && headOf(key, answer.headers);
  }

  async get(key: string, range?: BucketRange): Promise<{ head: BucketHead; body: IncomingMessage } | undefined> {
    const headers: Record<string, string> = range ? { range: `bytes=${range.start}-${range.end ?? ""}` } : {};
    const asked = this.#ifThere((client) => client.makeRequestAsync(this.#to("GET", key, "", headers), "", [200, 206]));
    const body = await asked.catch((error: StoreError) => {
      throw codeOf(error.cause) === "InvalidRange" ? new OutOfRange() : error;
    });
    return body && { head: headOf(key, body.headers), body };
  }

  async text(key: string): Promise<string | undefined> {
    const got = await this.get(key);
    if (!got) return undefined;
    return this.ask(() => textOf(got.body), false);
  }

  async put(key: string, content: Buffer | string, contentType: string): Promise<string> {
    const payload = typeof content === "string" ? Buffer.from(content) : content;
    const headers = this.#written(contentType);
    const answer = await this.ask((client) => client.makeRequestAsyncOmit(this.#to("PUT", key, "", headers), payload));
    return etagOf(answer.headers);
  }

  begin(key: string, contentType: string): Promise<string> {
    const headers = this.#written(contentType);
    return this.ask((client) => client.initiateNewMultipartUpload(this.at.bucket, key, headers));
  }

  /** Headers of whatever makes an object. */
  #written(contentType: string): Record<string, string> {
    const { encryption } = this.at;
    return {
      "content-type": contentType,
      ...(encryption && { "x-amz-server-side-encryption": encryption.algorithm }),
      ...(encryption?.key && { "x-amz-server-side-encryption-aws-kms-key-id": encryption.key }),
    };
  }

  async part(key: string, id: string, part: number, content: Buffer): Promise<{ part: number; etag: string }> {
    const query = `partNumber=${part}&uploadId=${encodeURIComponent(id)}`;
    const answer = await this.ask((client) => client.makeRequestAsyncOmit(this.#to("PUT", key, query), content));
    return { part, etag: etagOf(answer.headers) };
  }

  /** Never sent twice: the second would not find the upload. */
  async complete(key: string, id: string, parts: { part: number; etag: string }[]): Promise<string> {
    const done = await this.ask((client) => client.completeMultipartUpload(this.at.bucket, key, id, parts), false);
    return done.etag.replace(/^"|"$/g, "");
  }

  async abort(key: string, id: string): Promise<void> {
    await this.ask((client) => client.abortMultipartUpload(this.at.bucket, key, id));
  }

  async remove(key: string): Promise<void> {
    await this.ask((client) => client.removeObject(this.at.bucket, key));
  }

  /** Removes objects, a thousand in a request. */
  async removeAll(keys: readonly string[]): Promise<void> {
    const answers = keys.length ? await this.ask((client) => client.removeObjects(this.at.bucket, [...keys])) : [];
    const failed = answers?.find((one) => one?.Error);
    if (failed) throw toS3Error(Object.assign(new Error(failed.Error?.Message), { code: failed.Error?.Code }), this.at);
  }

  /** Every object whose key begins with `prefix`, in order of UTF-8 bytes. */
  async *list(prefix: string): AsyncGenerator<BucketObject> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    const objects = this.at.listing === "keys" ? this.#flat(prefix) : this.#folder(folder, prefix);
    for await (const object of objects) if (!object.key.endsWith("/")) yield object;
  }

  async first(prefix: string): Promise<string | undefined> {
    return (await this.#page({ prefix, most: 1 })).objects[0]?.key;
  }

  /**
   * Removes the empty folders that a server left where objects were; `prefix` ends with a slash. Such a server takes an object of the folder's name, puts it inside, and does
   * not find it again.
   */
  async clearFolder(prefix: string): Promise<void> {
    for await (const { folders } of this.#pages({ prefix, delimiter: "/" }))
      for (const folder of folders) if (folder !== prefix) await this.clearFolder(folder);
    await this.remove(prefix);
  }

  async folders(): Promise<string[]> {
    const found: string[] = [];
    for await (const { folders } of this.#pages({ prefix: "", delimiter: "/" }))
      found.push(...folders.map((one) => one.slice(0, -1)));
    return found;
  }

  async *uploads(prefix: string): AsyncGenerator<BucketUpload> {
    for (let key = "", id = ""; ; ) {
      const page = await this.ask((client) => client.listIncompleteUploadsQuery(this.at.bucket, prefix, key, id, ""));
      for (const one of page.uploads) yield { key: one.key, id: one.uploadId, begunAt: new Date(one.initiated) };
      if (!page.isTruncated) return;
      key = page.nextKeyMarker;
      id = page.nextUploadIdMarker;
    }
  }

  presign(method: "GET" | "PUT", key: string, seconds: number, contentType?: string): Promise<string> {
    const query: Record<string, string> = contentType ? { "response-content-type": contentType } : {};
    return this.ask((client) => client.presignedUrl(method, this.at.bucket, key, seconds, query));
  }

  /** What answers, e.g. `MinIO at 127.0.0.1:9000, bucket agent-artifacts`. */
  async health(): Promise<string> {
    const { bucket, host, port } = this.at;
    const answer = await this.ask(async (client) => {
      try {
        return await client.makeRequestAsyncOmit({ method: "HEAD", bucketName: bucket });
      } catch (error) {
        throw isMissing(error) ? Object.assign(new Error("no bucket"), { code: "NoSuchBucket" }) : error;
      }
    });
    return `${answer.headers.server ?? "S3"} at ${host}:${port}, bucket ${bucket}`;
  }

  /** Makes the bucket; false where it was there. */
  async make(): Promise<boolean> {
    const { bucket, region } = this.at;
    return this.ask(async (client) => {
      if (await client.bucketExists(bucket)) return false;
      try {
        await client.makeBucket(bucket, region);
        return true;
      } catch (error) {
        // Another process made it meanwhile; some servers do not say that it is ours.
        if (["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].includes(codeOf(error))) return false;
        throw error;
      }
    });
  }

  /** Names of the buckets that this account may see. */
  async buckets(): Promise<string[]> {
    return (await this.ask((client) => client.listBuckets())).map(({ name }) => name).sort();
  }

  explain(error: unknown): StoreError {
    return toS3Error(error, this.at);
  }

  async #ifThere<T>(work: (client: Client) => Promise<T>): Promise<T | undefined> {
    return this.ask(async (client) => {
      try {
        return await work(client);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async *#flat(prefix: string): AsyncGenerator<BucketObject> {
    for await (const { objects } of this.#pages({ prefix })) yield* objects;
  }

  /** Folder by folder: such a server puts all of folder `a` before `a!`, though `!` comes before `/`. */
  async *#folder(folder: string, prefix: string): AsyncGenerator<BucketObject> {
    const entries: { name: string; object?: BucketObject }[] = [];
    for await (const page of this.#pages({ prefix: folder, delimiter: "/" })) {
      entries.push(...page.objects.map((object) => ({ name: object.key, object })));
      entries.push(...page.folders.map((name) => ({ name })));
    }
    entries.sort((one, other) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)));
    for (const { name, object } of entries) {
      if (!name.startsWith(prefix) && !(object === undefined && prefix.startsWith(name))) continue;
      if (object) yield object;
      else if (name !== folder) yield* this.#folder(name, prefix);
    }
  }

  async *#pages(asked: S3Asked): AsyncGenerator<S3Page> {
    for (let next: string | undefined; ; ) {
      const page = await this.#page({ ...asked, next });
      yield page;
      next = page.next;
      if (next === undefined) return;
    }
  }

  async #page(asked: S3Asked): Promise<S3Page> {
    const request = { method: "GET", bucketName: this.at.bucket, query: listingQuery(asked) };
    return readListing(await this.ask(async (client) => textOf(await client.makeRequestAsync(request))));
  }

  #to(method: string, objectName: string, query = "", headers: Record<string, string> = {}) {
    return { method, bucketName: this.at.bucket, objectName, query, headers };
  }
}

type Headers = IncomingMessage["headers"];

const etagOf = (headers: Headers): string => (headers.etag ?? "").replace(/^"|"$/g, "");

function headOf(key: string, headers: Headers): BucketHead {
  return {
    key,
    size: Number(wholeOf(headers["content-range"]) ?? headers["content-length"]),
    etag: etagOf(headers),
    modifiedAt: new Date(headers["last-modified"] ?? 0),
    contentType: headers["content-type"] ?? "application/octet-stream",
  };
}
