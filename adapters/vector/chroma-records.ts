import { hash } from "node:crypto";
import type { Metadata, Scalar } from "../input.ts";
import { base64OfVector, vectorOfBase64 } from "../portable.ts";
import type { Copy, VectorCopy } from "./copies.ts";

/*
 * What is where in a collection. Its vectors have length 1, so that their product is their cosine; one that came otherwise is kept beside, as it was given. The server keeps a list of every name of metadata that it
 * ever saw with the collection, indexes each value, and looks values up for all collections at once: so there are few names, texts lie in one value, and what is looked up is a hash that no other
 * collection has.
 */

/** What the server keeps with a vector. */
export type Kept = Record<string, string | number | boolean | null | readonly string[] | object>;

/** Names of metadata in a space of a tenant. */
export interface Names {
  /** The number of a copy's version. */
  version: string;
  /** Where the number of a key lies, if no other key of the chunk shares the place. */
  place(key: string): string;
  tag: {
    document(id: string): string;
    value(key: string, value: Scalar): string;
    number(key: string): string;
    /** A key with something else than a number, or null. */
    other(key: string): string;
    /** Chunks where two numbers share a place. */
    crowded: string;
    /** Chunks with more keys than are worth tags. */
    many: string;
  };
}

/** Places of numbers. */
const PLACES = 256;
/** Keys of metadata that get tags. More than some thousand values at once break a collection for ever. */
const MAX_KEYS = 600;

export function namesIn(tenant: string, space: string): Names {
  const hashed = (...parts: string[]) => hash("sha256", [tenant, space, ...parts].join("\0"), "base64url").slice(0, 22);
  const short = hashed().slice(0, 8);
  return {
    version: `version-${short}`,
    place: (key) => `n${Number.parseInt(hash("sha256", key).slice(0, 8), 16) % PLACES}-${short}`,
    tag: {
      document: (id) => hashed("document", id),
      value: (key, value) => hashed("value", key, typeof value, String(value)),
      number: (key) => hashed("number", key),
      other: (key) => hashed("other", key),
      crowded: hashed("crowded"),
      many: hashed("many"),
    },
  };
}

/** Copies as the server takes them. */
export function recordsOf(names: Names, copies: readonly VectorCopy[]) {
  const directions = copies.map(({ vector }) => direction(vector));
  return {
    ids: copies.map(({ id }) => id),
    embeddings: directions.map(base64OfVector),
    metadatas: copies.map(({ id: _, uri, version, vector, ...chunk }, i): Kept => {
      const { tags, numbers } = entriesOf(names, chunk.metadata);
      return {
        chunk: JSON.stringify(chunk),
        // Null takes away what a copy that is written over had.
        uri,
        vector: vector === directions[i] ? null : base64OfVector(vector),
        tags: [names.tag.document(chunk.document), ...tags],
        [names.version]: version,
        ...numbers,
      };
    }),
  };
}

export const withoutNulls = (kept: Kept): Kept =>
  Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== null));

/** A copy of what the server kept. */
export function copyIn(names: Names, id: string, kept: Kept): Copy {
  const chunk = JSON.parse(kept.chunk as string) as Omit<Copy, "id" | "uri" | "version">;
  return { id, ...chunk, uri: (kept.uri ?? null) as string | null, version: kept[names.version] as number };
}

/** The vector as it was given, from what was kept beside the collection's own. */
export const vectorIn = ({ vector }: Kept, direction: readonly number[]): Float32Array =>
  vector ? vectorOfBase64("chroma", vector) : Float32Array.from(direction);

/** By how much the square of a length may differ from 1 to be taken as it is: less than a float32 product is off. */
const ROUNDING = 1e-6;

/** A vector of length 1 or 0; itself if it is one. */
export function direction(vector: Float32Array): Float32Array {
  let square = 0;
  for (const value of vector) square += value * value;
  if (square === 0 || Math.abs(square - 1) <= ROUNDING) return vector;
  const length = Math.sqrt(square);
  return vector.map((value) => value / length);
}

function entriesOf({ place, tag }: Names, metadata: Metadata): { tags: string[]; numbers: Kept } {
  const entries = Object.entries(metadata).filter(([, value]) => value !== null);
  if (entries.length > MAX_KEYS) return { tags: [tag.many], numbers: {} };
  const numbers: Kept = {};
  const tags: string[] = [];
  let crowded = false;
  for (const [key, value] of entries) {
    tags.push(typeof value === "number" ? tag.number(key) : tag.other(key));
    if (typeof value === "object") continue;
    tags.push(tag.value(key, value as Scalar));
    if (typeof value !== "number") continue;
    crowded ||= Object.hasOwn(numbers, place(key));
    numbers[place(key)] = ordered(value);
  }
  return crowded ? { tags: [...tags, tag.crowded], numbers: {} } : { tags, numbers };
}

const bits = new DataView(new ArrayBuffer(8));

/** A number as a whole one of 64 bits that is ordered alike: the server reads fractions inexactly, and whole numbers as they are. */
export function ordered(value: number): object {
  bits.setFloat64(0, value + 0);
  const raw = bits.getBigInt64(0);
  const whole = raw < 0n ? raw ^ 0x7fffffffffffffffn : raw;
  return (JSON as unknown as { rawJSON(text: string): object }).rawJSON(String(whole));
}
