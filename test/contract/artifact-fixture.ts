import { createHash } from "node:crypto";
import type { ArtifactStore } from "../../adapters/index.ts";
import type { Bench, UnderTest } from "./bench.ts";

/** A store under test, with how much of it is tried. */
export interface ArtifactUnderTest extends UnderTest {
  /** Random cases that it is tried with, and artifacts that are listed at once. @default 1000 and 1100 */
  cases?: number;
  many?: number;
}

export type ArtifactBench = Bench<ArtifactUnderTest>;

export const sha = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** The same bytes in every run, of a kind that no compression shrinks. */
export function noise(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Bytes in pieces as they come from a network; `until` breaks off there. */
export async function* pieces(bytes: Uint8Array, size = 100_000, until = Infinity): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    if (at >= until) throw new Error("the source broke");
    yield bytes.subarray(at, at + size);
  }
}

export async function read(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function paths(artifact: ArtifactStore, prefix?: string): Promise<string[]> {
  const all: string[] = [];
  for await (const { path } of artifact.list(prefix === undefined ? {} : { prefix })) all.push(path);
  return all;
}
