import { createHash } from "node:crypto";
import { StoreError } from "../errors.ts";
import { refuse } from "../input.ts";
import type { Read } from "./backend.ts";
import type { ArtifactBody } from "./contract.ts";

/** A body in one of two forms: all of it, with its hash, or bytes as they come. */
export type Content = { bytes: Uint8Array; sha256: string } | { stream: AsyncIterable<Uint8Array> };

/** Up to so many bytes a Blob is read into memory and hashed before anything is sent. */
const SMALL = 8 << 20;
/** Most that `bytes` and `text` read. */
const MAX_IN_MEMORY = 64 << 20;

/** Throws `StoreError` code `invalid` for what is no body. */
export async function contentOf(body: ArtifactBody): Promise<Content> {
  if (typeof body === "string") {
    if (!body.isWellFormed())
      refuse("artifact", "The text has a lone surrogate.", "Apply String.prototype.toWellFormed(), or give bytes.");
    return whole(new TextEncoder().encode(body));
  }
  if (body instanceof Uint8Array) return whole(body);
  if (body instanceof Blob) {
    if (body.size <= SMALL) return whole(new Uint8Array(await body.arrayBuffer()));
    return { stream: onlyBytes(body.stream()) };
  }
  if (typeof body === "object" && body !== null && Symbol.asyncIterator in body) return { stream: onlyBytes(body) };
  return refuse("artifact", "The body is none.", "Give a string, Uint8Array, Blob, ReadableStream or async iterable.");
}

export const whole = (bytes: Uint8Array): Content => ({
  bytes,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});

/** What the caller's own stream threw, to tell it from what the store did. */
export class BodyError extends Error {
  override readonly name = "BodyError";
}

async function* onlyBytes(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source) {
      if (!(chunk instanceof Uint8Array))
        refuse("artifact", `The stream has a ${typeof chunk} in it.`, "Give a stream of Uint8Array.");
      yield chunk;
    }
  } catch (cause) {
    throw new BodyError("The body's stream failed.", { cause });
  }
}

/** Throws `StoreError` code `invalid` unless a content has the hash that it must have. */
export function expectHash(path: string, found: string, must: string | null): void {
  if (must === null || found === must) return;
  refuse(
    "artifact",
    `The content for ${JSON.stringify(path)} has the SHA-256 ${found}, and must have ${must}.`,
    "It was changed on its way here: read it again from where it comes.",
  );
}

/** The same reading that, at its end, throws `StoreError` code `failed` unless the bytes are the ones that were stored; of a content without a hash it is itself. */
export function checked(read: Read): Read {
  const { path, sha256 } = read.kept;
  return sha256 === null ? read : { ...read, chunks: verified(read.chunks, path, sha256) };
}

async function* verified(chunks: AsyncIterable<Uint8Array>, path: string, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest("hex") === sha256) return;
  throw new StoreError(
    "failed",
    "artifact",
    `The bytes of ${JSON.stringify(path)} are not the ones that were stored.`,
    "Something else changed them in the store: put it again from its source, or adopt() it as it is.",
  );
}

/** A stream that reads on only when it is asked, and lets go of its source at its end or when it is cancelled. */
export function streamOf(read: Read): ReadableStream<Uint8Array> {
  const source = read.chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await source.return?.();
        await read.close(); // a generator that never began has no end either
      },
    },
    { highWaterMark: 0 },
  );
}

/** All bytes in memory, at most 64 MiB. */
export async function collect(read: Read): Promise<Uint8Array> {
  const { path, size } = read.kept;
  try {
    if (size > MAX_IN_MEMORY)
      refuse("artifact", `${JSON.stringify(path)} has ${size} bytes, over 64 MiB.`, "Read it as a stream: get().");
    const all = new Uint8Array(size);
    let at = 0;
    for await (const chunk of read.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  } finally {
    await read.close();
  }
}
