import { hash, randomUUID } from "node:crypto";
import type { Metadata, Scalar } from "../input.ts";
import { base64OfVector, vectorOfBase64 } from "../portable.ts";
import type { CheckedChunk } from "./validate.ts";

/*
 * What is where in a collection. A chunk is one point, with a named vector for each space that it is in, so that whatever is done to it is done at once. Further points have no vectors: a document's says
 * where it came from, a tenant's which space is its current one, a space's what it is. Qdrant keeps directions, not vectors (its cosine distance normalises them), so the payload has each
 * vector too, as it was given.
 */

/** From so many KiB of vectors on, a segment gets a graph. Below, all are compared, which is as quick. */
export const GRAPH_FROM_KIB = 100;
/** Segments that a collection has at rest. */
export const SEGMENTS = 2;

/** Whole points of one message. */
export const PAGE = 64;

export type PointKind = "chunk" | "document" | "tenant" | "space";

export interface ChunkPayload {
  /** Of chunks alone; the points beside them have an `owner`. */
  tenant: string;
  id: string;
  document: string;
  /** The document's, so that an answer need not look there. */
  uri: string | null;
  text: string;
  position: number;
  hash: string;
  /** As JSON, which comes back as it was given. */
  metadata: string;
  /** Of this very version of the chunk: what is changed later is changed on condition that it is still this one. */
  version: string;
  /** Ids of the spaces that it is in; how many chunks each has is counted by these. */
  spaces: string[];
  /** By space: the vector as base64 of little-endian float32. */
  raw: Record<string, string>;
  /** For filters: see `tagOf`. */
  tags: string[];
  /** For ranges: numbers of the metadata, by `keyOf`. */
  numbers: Record<string, number>;
}

/** The payload that answers show; the rest is for filters and moves. */
export const SHOWN = ["id", "document", "uri", "text", "position", "hash", "metadata"] as const;
export type Shown = Pick<ChunkPayload, (typeof SHOWN)[number]>;

/** Points have UUIDs: the first half of a SHA-256. */
export function pointId(kind: PointKind, tenant: string, id = ""): string {
  const hex = hash("sha256", `${kind}\0${tenant}\0${id}`).slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A key of metadata as the name of a field: its own may have dots and brackets, which name paths. */
export const keyOf = (key: string): string => hash("sha256", key).slice(0, 32);

/** One entry of metadata as a keyword: types never equal each other. */
export const tagOf = (key: string, value: Scalar): string =>
  hash("sha256", `${key}\0${typeof value}\0${String(value)}`).slice(0, 32);

/** That a key is there with something other than null. */
export const presenceOf = (key: string): string => hash("sha256", `${key}\0`).slice(0, 32);

export const isScalar = (value: unknown): value is Scalar => ["string", "number", "boolean"].includes(typeof value);

/** A chunk as a point that replaces whatever was there, in all spaces. */
export function chunkPoint(tenant: string, chunk: CheckedChunk, uri: string | null) {
  const { id, document, text, position, contentHash, metadata, space, vector } = chunk;
  const entries = Object.entries(JSON.parse(metadata) as Metadata).filter(([, value]) => value !== null);
  const payload: ChunkPayload = {
    tenant,
    ...{ id, document, uri, text, position, hash: contentHash, metadata },
    version: randomUUID(),
    spaces: [space.id],
    raw: { [space.id]: base64OfVector(vector) },
    tags: entries.flatMap(([key, value]) => [presenceOf(key), ...(isScalar(value) ? [tagOf(key, value)] : [])]),
    numbers: Object.fromEntries(
      entries.flatMap(([key, value]) => (typeof value === "number" ? [[keyOf(key), value]] : [])),
    ),
  };
  return point(payload);
}

/** The point of a payload: its vectors are those of `raw`. */
export const point = (payload: ChunkPayload) => ({
  id: pointId("chunk", payload.tenant, payload.id),
  vector: Object.fromEntries(payload.spaces.map((space) => [space, numbersOf(rawVector(payload, space))])),
  payload: payload as unknown as Record<string, unknown>,
});

export const rawVector = ({ raw }: Pick<ChunkPayload, "raw">, space: string): Float32Array =>
  vectorOfBase64("qdrant", raw[space]);

/** For a message: as many digits as a float32 needs to be read back, where the double that it is would take twice as many. */
export const numbersOf = (vector: Float32Array): number[] =>
  Array.from(vector, (value) => Number(value.toPrecision(9)));
