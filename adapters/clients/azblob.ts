import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { BlobDownloadResponseParsed, BlobItem } from "@azure/storage-blob";
import { parallel } from "../artifact/turns.ts";
import type { StoreError } from "../errors.ts";
import { AzblobConnection, load } from "./azblob-connection.ts";
import { saidBy } from "./azblob-errors.ts";
import {
  type Bucket,
  type BucketBody,
  type BucketHead,
  type BucketObject,
  type BucketPart,
  type BucketRange,
  OutOfRange,
  wholeOf,
} from "./bucket.ts";
import { inOrder } from "./listed-order.ts";

/** Deletions that are under way at a time. */
const AT_ONCE = 16;

/**
 * A container of Azure Blob Storage. Blocks that were not made a blob have no name of their own and cannot be listed or removed: the service drops them a week after the last of them
 * (https://learn.microsoft.com/rest/api/storageservices/put-block), and at once when anything is written under the same name, so that an upload is alone with its key.
 */
export class AzblobBucket extends AzblobConnection implements Bucket {
  readonly putHeaders = { "x-ms-blob-type": "BlockBlob" };

  async head(key: string): Promise<BucketHead | undefined> {
    return this.ifThere(async (container) => headOf(key, await container.getBlobClient(key).getProperties()));
  }

  async get(key: string, range?: BucketRange): Promise<{ head: BucketHead; body: BucketBody } | undefined> {
    const count = range?.end === undefined ? undefined : range.end - range.start + 1;
    const asked = this.ifThere(async (container) => {
      const got = await container.getBlobClient(key).download(range?.start ?? 0, count, { maxRetryRequests: 0 });
      return { head: headOf(key, got), body: bodyOf(got) };
    });
    return asked.catch((error: StoreError) => {
      throw saidBy(error.cause).status === 416 ? new OutOfRange() : error;
    });
  }

  async text(key: string): Promise<string | undefined> {
    const got = await this.get(key);
    if (!got) return undefined;
    return this.ask(async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of got.body) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    });
  }

  async put(key: string, content: Buffer | string, contentType: string): Promise<string> {
    const options = { blobHTTPHeaders: { blobContentType: contentType } };
    const size = Buffer.byteLength(content);
    const { etag } = await this.ask((container) => container.getBlockBlobClient(key).upload(content, size, options));
    return bare(etag);
  }

  /** An upload is what its blocks are called, and the type that only their list says. */
  async begin(_key: string, contentType: string): Promise<string> {
    return `${randomUUID()} ${contentType}`;
  }

  async part(key: string, id: string, part: number, content: Buffer): Promise<BucketPart> {
    const etag = blockOf(id, part);
    await this.ask((container) => container.getBlockBlobClient(key).stageBlock(etag, content, content.length));
    return { part, etag };
  }

  async complete(key: string, id: string, parts: BucketPart[]): Promise<string> {
    const blobContentType = id.slice(id.indexOf(" ") + 1);
    const list = parts.toSorted((one, other) => one.part - other.part).map(({ etag }) => etag);
    const options = { blobHTTPHeaders: { blobContentType } };
    const { etag } = await this.ask((container) => container.getBlockBlobClient(key).commitBlockList(list, options));
    return bare(etag);
  }

  async abort(): Promise<void> {}

  async remove(key: string): Promise<void> {
    await this.ask((container) => container.getBlobClient(key).deleteIfExists({ deleteSnapshots: "include" }));
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    await parallel(keys, AT_ONCE, (key) => this.remove(key));
  }

  async *list(prefix: string): AsyncGenerator<BucketObject> {
    yield* inOrder(this.#listed(prefix));
  }

  async first(prefix: string): Promise<string | undefined> {
    for await (const { key } of this.#listed(prefix, 1)) return key;
    return undefined;
  }

  async clearFolder(): Promise<void> {}

  async folders(): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | undefined; ; ) {
      const page = await this.ask(async (container) => {
        const pages = container.listBlobsByHierarchy("/").byPage(next ? { continuationToken: next } : {});
        return (await pages.next()).value;
      });
      found.push(...(page?.segment.blobPrefixes ?? []).map((one: { name: string }) => one.name.slice(0, -1)));
      next = page?.continuationToken || undefined;
      if (!next) return found;
    }
  }

  async *uploads(): AsyncGenerator<never> {}

  /** What is signed with a token's own key holds as long as the key, which is asked for. */
  async presign(method: "GET" | "PUT", name: string, seconds: number, contentType?: string): Promise<string> {
    const client = await load();
    return this.ask(async (container) => {
      const expiresOn = new Date(Date.now() + seconds * 1_000);
      const values = {
        containerName: this.at.bucket,
        blobName: name,
        permissions: client.BlobSASPermissions.parse(method === "GET" ? "r" : "cw"),
        protocol: this.at.tls ? client.SASProtocol.Https : client.SASProtocol.HttpsAndHttp,
        expiresOn,
        ...(contentType && { contentType }),
      };
      const blob = container.getBlobClient(name);
      if (blob.credential instanceof client.StorageSharedKeyCredential) return blob.generateSasUrl(values);
      const key = await (await this.service(container)).getUserDelegationKey(new Date(), expiresOn);
      return blob.generateUserDelegationSasUrl(values, key);
    });
  }

  async health(): Promise<string> {
    const answer = await this.ask(
      async (container) => (await container.listBlobsFlat().byPage({ maxPageSize: 1 }).next()).value,
    );
    const server = answer?._response.headers.get("server")?.split(" ")[0] ?? "Azure Blob Storage";
    return `${server} at ${this.at.host}:${this.at.port}, container ${this.at.bucket}`;
  }

  async keepsFolders(): Promise<boolean> {
    const info = await this.ask((container) => container.getAccountInfo());
    return info.isHierarchicalNamespaceEnabled === true;
  }

  async make(): Promise<boolean> {
    return this.ask(async (container) => (await container.createIfNotExists()).succeeded);
  }

  async buckets(): Promise<string[]> {
    return this.ask(async (container) => {
      const names: string[] = [];
      for await (const { name } of (await this.service(container)).listContainers()) names.push(name);
      return names.sort();
    });
  }

  async *#listed(prefix: string, maxPageSize = 1_000): AsyncGenerator<BucketObject> {
    for (let next: string | undefined; ; ) {
      const page = await this.ask(async (container) => {
        const pages = container
          .listBlobsFlat({ prefix })
          .byPage({ maxPageSize, ...(next && { continuationToken: next }) });
        return (await pages.next()).value;
      });
      for (const item of (page?.segment.blobItems ?? []) as BlobItem[]) yield objectOf(item);
      next = page?.continuationToken || undefined;
      if (!next) return;
    }
  }
}

/** Blocks of one blob must have names of one length. */
const blockOf = (id: string, part: number) =>
  Buffer.from(`${id.slice(0, id.indexOf(" "))}-${String(part).padStart(5, "0")}`).toString("base64");

/** The client says of every stream that broke that it is too short; the answer below it knows why. */
function bodyOf({ readableStreamBody, _response }: BlobDownloadResponseParsed): BucketBody {
  const answer = (_response as { readableStreamBody?: Readable }).readableStreamBody;
  const body = readableStreamBody as Readable;
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* body;
      } catch (error) {
        throw answer?.errored ?? error;
      }
    },
    destroy: () => body.destroy(),
  };
}

const bare = (etag = "") => etag.replace(/^(W\/)?"|"$/g, "");

interface Properties {
  contentLength?: number;
  contentRange?: string;
  contentType?: string;
  etag?: string;
  lastModified?: Date;
}

function headOf(key: string, { contentLength, contentRange, contentType, etag, lastModified }: Properties): BucketHead {
  return {
    key,
    size: Number(wholeOf(contentRange) ?? contentLength),
    etag: bare(etag),
    modifiedAt: lastModified ?? new Date(0),
    contentType: contentType ?? "application/octet-stream",
  };
}

const objectOf = ({ name, properties }: BlobItem): BucketObject => ({
  key: name,
  size: properties.contentLength ?? 0,
  etag: bare(properties.etag),
  modifiedAt: properties.lastModified,
});
