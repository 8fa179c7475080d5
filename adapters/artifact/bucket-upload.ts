import { createHash } from "node:crypto";
import type { Bucket } from "../clients/bucket.ts";
import { refuse } from "../input.ts";
import { type Content, expectHash } from "./content.ts";

/** Bytes of a part; what is longer is uploaded in parts. Two of them are in memory at a time. */
const PART = 8 << 20;
/** Most parts that an upload may have, by the protocol: 78 GiB. */
const MAX_PARTS = 10_000;

/** A content that the server has, or that is about to be sent at once; nobody sees it yet. */
export interface Draft {
  size: number;
  sha256: string;
  /** Makes it the object; resolves to its etag. */
  commit(): Promise<string>;
  discard(): Promise<void>;
}

/** Brings a content to the server. When its stream fails, or the hash is not the one that it must be, no part of it stays there. */
export async function draftOf(
  bucket: Bucket,
  key: string,
  path: string,
  content: Content,
  contentType: string,
  must: string | null,
): Promise<Draft> {
  if ("bytes" in content && content.bytes.length <= PART)
    return atOnce(bucket, key, content.bytes, content.sha256, contentType);
  const upload = new Upload(bucket, key, contentType);
  try {
    const stream = "bytes" in content ? slices(content.bytes) : content.stream;
    const { size, sha256, short } = await upload.all(stream);
    expectHash(path, sha256, must);
    return short
      ? atOnce(bucket, key, short, sha256, contentType)
      : { size, sha256, commit: () => upload.complete(), discard: () => upload.abort() };
  } catch (error) {
    // Where the server is gone, what it has of it goes with the next repair.
    await upload.abort().catch(() => {});
    throw error;
  }
}

function atOnce(bucket: Bucket, key: string, bytes: Uint8Array, sha256: string, contentType: string): Draft {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return { size: buffer.length, sha256, commit: () => bucket.put(key, buffer, contentType), discard: async () => {} };
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PART) yield bytes.subarray(at, at + PART);
}

/** An upload in parts: one is sent while the next is filled. */
class Upload {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #contentType: string;
  readonly #parts: { part: number; etag: string }[] = [];
  readonly #free: Buffer[] = [];
  #id: string | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(bucket: Bucket, key: string, contentType: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#contentType = contentType;
  }

  /** Sends a stream to its end. `short` is all of it where it fits into one part: then nothing was sent. */
  async all(stream: AsyncIterable<Uint8Array>): Promise<{ size: number; sha256: string; short?: Buffer }> {
    const hash = createHash("sha256");
    let size = 0;
    let filled = 0;
    let buffer = this.#buffer();
    for await (const chunk of stream) {
      hash.update(chunk);
      size += chunk.length;
      for (let at = 0; at < chunk.length; ) {
        if (filled === PART) {
          await this.#send(buffer);
          buffer = this.#buffer();
          filled = 0;
        }
        const taken = Math.min(PART - filled, chunk.length - at);
        buffer.set(chunk.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
      }
    }
    const last = buffer.subarray(0, filled);
    const sha256 = hash.digest("hex");
    if (this.#id === undefined) return { size, sha256, short: last };
    await this.#send(last, true);
    await this.#sending;
    return { size, sha256 };
  }

  async complete(): Promise<string> {
    const id = this.#id ?? "";
    const etag = await this.#bucket.complete(this.#key, id, this.#parts);
    this.#id = undefined;
    return etag;
  }

  async abort(): Promise<void> {
    await this.#sending.catch(() => {});
    if (this.#id === undefined) return;
    const id = this.#id;
    this.#id = undefined;
    await this.#bucket.abort(this.#key, id);
  }

  /** Resolves when the part before is there and this one is on its way. */
  async #send(content: Buffer, last = false): Promise<void> {
    await this.#sending;
    const part = this.#parts.length + 1;
    if (part > MAX_PARTS)
      refuse("artifact", `The content has over ${MAX_PARTS} parts of 8 MiB.`, "Store it as several.");
    this.#id ??= await this.#bucket.begin(this.#key, this.#contentType);
    const id = this.#id;
    this.#sending = this.#bucket.part(this.#key, id, part, content, last).then((sent) => {
      this.#parts.push(sent);
      if (content.length === PART) this.#free.push(content);
    });
    this.#sending.catch(() => {}); // whoever sends or ends next hears of it
  }

  #buffer(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PART);
  }
}
