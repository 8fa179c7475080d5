import type { IncomingMessage } from "node:http";
import { parallel } from "../artifact/turns.ts";
import { StoreError } from "../errors.ts";
import {
  type Bucket,
  type BucketHead,
  type BucketObject,
  type BucketPart,
  type BucketRange,
  OutOfRange,
  wholeOf,
} from "./bucket.ts";
import { GsConnection } from "./gs-connection.ts";
import { statusOf } from "./gs-errors.ts";
import { textOf } from "./http-transport.ts";

/** Deletions that are under way at a time. */
const AT_ONCE = 16;
/** The server's answer to a piece of an upload that goes on. */
const GOES_ON = 308;
/** Its answers to the deletion of an upload: that it is done, and that there is none. */
const GIVEN_UP = [200, 204, 404, 410, 499];
const OBJECT = "name,size,generation,updated,contentType";

/**
 * A bucket of Google Cloud Storage. A long content is one resumable upload: its pieces come in order, the last with the whole size, and only then there is an object. Uploads cannot be listed; the server gives them up
 * after a week (https://cloud.google.com/storage/docs/resumable-uploads).
 */
export class GsBucket extends GsConnection implements Bucket {
  /** Of each upload that is under way: bytes that the server has, and the piece that ends it. */
  readonly #uploads = new Map<string, { sent: number; last?: Buffer }>();

  async head(key: string): Promise<BucketHead | undefined> {
    const found = await this.ifThere(() => this.json<Resource>(this.#object(key), { query: { fields: OBJECT } }));
    return found && { ...objectOf(found), contentType: found.contentType ?? "application/octet-stream" };
  }

  async get(key: string, range?: BucketRange): Promise<{ head: BucketHead; body: IncomingMessage } | undefined> {
    const headers = {
      "accept-encoding": "gzip", // as it is stored: else the server unpacks what was sent to it packed
      ...(range && { range: `bytes=${range.start}-${range.end ?? ""}` }),
    };
    const asked = this.ifThere(() => this.send(this.#object(key), { query: { alt: "media" }, headers }));
    const body = await asked.catch((error: StoreError) => {
      throw statusOf(error.cause) === 416 ? new OutOfRange() : error;
    });
    return body && { head: headOf(key, body.headers), body };
  }

  async text(key: string): Promise<string | undefined> {
    const got = await this.get(key);
    if (!got) return undefined;
    return this.ask(() => textOf(got.body));
  }

  async put(key: string, content: Buffer | string, contentType: string): Promise<string> {
    const query = { uploadType: "media", name: key, fields: "generation" };
    const sent = { method: "POST", query, headers: { "content-type": contentType }, content };
    return (await this.ask(() => this.json<Resource>(this.#uploadsPath(), sent))).generation;
  }

  /** The upload's id is its address. */
  async begin(key: string, contentType: string): Promise<string> {
    const answer = await this.ask(() =>
      this.send(this.#uploadsPath(), {
        method: "POST",
        query: { uploadType: "resumable", name: key },
        headers: { "content-type": "application/json; charset=UTF-8", "x-upload-content-type": contentType },
        content: JSON.stringify({ contentType }),
      }),
    );
    await this.ask(() => textOf(answer));
    // Whatever host it names, nothing is sent to another than the one that was asked.
    const { pathname, search } = new URL(answer.headers.location ?? "", this.at.endpoint);
    this.#uploads.set(pathname + search, { sent: 0 });
    return pathname + search;
  }

  async part(_key: string, id: string, part: number, content: Buffer, last: boolean): Promise<BucketPart> {
    const upload = this.#upload(id);
    if (last) upload.last = content;
    else await this.ask(() => this.#piece(id, upload, content, "*"));
    return { part, etag: "" };
  }

  async complete(_key: string, id: string): Promise<string> {
    const upload = this.#upload(id);
    const last = upload.last ?? Buffer.of();
    const made = await this.ask(() => this.#piece(id, upload, last, String(upload.sent + last.length)));
    this.#uploads.delete(id);
    if (made) return made.generation;
    throw new StoreError(
      "failed",
      "gs",
      "The server has all of an upload and made no object of it.",
      "Repeat the call.",
    );
  }

  async abort(_key: string, id: string): Promise<void> {
    this.#uploads.delete(id);
    const accept = (status: number) => GIVEN_UP.includes(status);
    await this.ask(async () => textOf(await this.send(id, { method: "DELETE", accept })));
  }

  async remove(key: string): Promise<void> {
    const accept = (status: number) => status < 300;
    await this.ifThere(async () => textOf(await this.send(this.#object(key), { method: "DELETE", accept })));
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    await parallel(keys, AT_ONCE, (key) => this.remove(key));
  }

  async *list(prefix: string): AsyncGenerator<BucketObject> {
    for await (const { items } of this.#pages({ prefix })) for (const item of items ?? []) yield objectOf(item);
  }

  async first(prefix: string): Promise<string | undefined> {
    for await (const { items } of this.#pages({ prefix, maxResults: "1" })) if (items?.[0]) return items[0].name;
    return undefined;
  }

  async clearFolder(): Promise<void> {}

  async folders(): Promise<string[]> {
    const found: string[] = [];
    for await (const { prefixes } of this.#pages({ delimiter: "/" }))
      found.push(...(prefixes ?? []).map((one) => one.slice(0, -1)));
    return found;
  }

  async *uploads(): AsyncGenerator<never> {}

  async presign(method: "GET" | "PUT", key: string, seconds: number, contentType?: string): Promise<string> {
    return this.ask(async () => {
      const file = (await this.connect()).bucket(this.at.bucket).file(key);
      const [url] = await file.getSignedUrl({
        version: "v4",
        action: method === "GET" ? "read" : "write",
        expires: Date.now() + seconds * 1_000,
        ...(contentType && { responseType: contentType }),
      });
      return url;
    });
  }

  async health(): Promise<string> {
    const query = { maxResults: "1", fields: "kind" };
    await this.ask(() => this.json(`${this.#bucket()}/o`, { query }));
    return `Google Cloud Storage at ${this.at.endpoint.host}, bucket ${this.at.bucket}`;
  }

  async keepsFolders(): Promise<boolean> {
    const query = { fields: "hierarchicalNamespace" };
    const made = await this.ask(() =>
      this.json<{ hierarchicalNamespace?: { enabled?: boolean } }>(this.#bucket(), { query }),
    );
    return made.hierarchicalNamespace?.enabled === true;
  }

  async make(): Promise<boolean> {
    return this.ask(async () => {
      const query = { project: await this.project() };
      const headers = { "content-type": "application/json" };
      const content = JSON.stringify({ name: this.at.bucket });
      const accept = (status: number) => status < 300 || status === 409;
      const answer = await this.send("/storage/v1/b", { method: "POST", query, headers, content, accept });
      await textOf(answer);
      return answer.statusCode !== 409;
    });
  }

  async buckets(): Promise<string[]> {
    return this.ask(async () => {
      const names: string[] = [];
      for await (const { items } of this.#walk("/storage/v1/b", { project: await this.project() }))
        names.push(...(items ?? []).map(({ name }) => name));
      return names.sort();
    });
  }

  #upload(id: string) {
    const upload = this.#uploads.get(id);
    if (upload) return upload;
    throw new StoreError("failed", "gs", "There is no such upload.", "Begin it again.");
  }

  /** Sends a piece, and again what the server did not keep of it. Resolves to the object, where it is the last one. */
  async #piece(id: string, upload: { sent: number }, content: Buffer, total: string): Promise<Resource | undefined> {
    for (const [begin, end] = [upload.sent, upload.sent + content.length]; ; ) {
      const range = `bytes ${upload.sent}-${end - 1}/${total}`;
      const answer = await this.send(id, {
        method: "PUT",
        headers: { "content-range": range },
        content: content.subarray(upload.sent - begin),
        accept: (status) => status < 300 || status === GOES_ON,
      });
      const text = await textOf(answer);
      if (answer.statusCode !== GOES_ON) return JSON.parse(text) as Resource;
      const kept = Number(/^bytes=0-(\d+)$/.exec(answer.headers.range ?? "")?.[1] ?? -1) + 1;
      if (kept <= upload.sent)
        throw new StoreError("failed", "gs", "The server keeps nothing of an upload.", "Repeat the call.");
      upload.sent = kept;
      if (kept >= end) return undefined;
    }
  }

  #pages(query: Record<string, string>): AsyncGenerator<Page> {
    const fields = `items(${OBJECT}),prefixes,nextPageToken`;
    return this.#walk(`${this.#bucket()}/o`, { maxResults: "1000", fields, ...query });
  }

  async *#walk(path: string, query: Record<string, string>): AsyncGenerator<Page> {
    for (let pageToken: string | undefined; ; ) {
      const page: Page = await this.ask(() =>
        this.json(path, { query: { ...query, ...(pageToken && { pageToken }) } }),
      );
      yield page;
      pageToken = page.nextPageToken;
      if (!pageToken) return;
    }
  }

  #bucket = () => `/storage/v1/b/${this.at.bucket}`;
  #object = (key: string) => `${this.#bucket()}/o/${encodeURIComponent(key)}`;
  #uploadsPath = () => `/upload/storage/v1/b/${this.at.bucket}/o`;
}

/** What the server says of an object, or a bucket. */
interface Resource {
  name: string;
  size: string;
  /** Another one for every content. */
  generation: string;
  updated: string;
  contentType?: string;
}

interface Page {
  items?: Resource[];
  prefixes?: string[];
  nextPageToken?: string;
}

const objectOf = ({ name, size, generation, updated }: Resource): BucketObject => ({
  key: name,
  size: Number(size),
  etag: generation,
  modifiedAt: new Date(updated),
});

function headOf(key: string, headers: IncomingMessage["headers"]): BucketHead {
  return {
    key,
    size: Number(wholeOf(headers["content-range"]) ?? headers["content-length"]),
    etag: String(headers["x-goog-generation"] ?? ""),
    modifiedAt: new Date(headers["last-modified"] ?? 0),
    contentType: headers["content-type"] ?? "application/octet-stream",
  };
}
