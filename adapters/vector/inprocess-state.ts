import type { VectorHit } from "./contract.ts";
import { type Held, heldSpaces } from "./spaces.ts";
import type { CheckedChunk, CheckedSpace } from "./validate.ts";

export interface Kept extends Omit<VectorHit, "score" | "uri" | "space"> {
  /** By the id of the space. */
  vectors: Map<string, KeptVector>;
}

export interface KeptVector {
  space: CheckedSpace;
  vector: Float32Array;
  norm: number;
}

export interface Tenant {
  uris: Map<string, string | null>;
  chunks: Map<string, Kept>;
  /** Ids of spaces. */
  marks: { current: string | null; previous: string | null };
}

/** A tenant's state, made when it is first asked for. */
export function tenantIn(tenants: Map<string, Tenant>, tenant: string): Tenant {
  const empty: Tenant = { uris: new Map(), chunks: new Map(), marks: { current: null, previous: null } };
  const found = tenants.get(tenant) ?? empty;
  tenants.set(tenant, found);
  return found;
}

export function heldBy({ chunks, marks }: Tenant): Held {
  const all = new Map<string, CheckedSpace>();
  for (const { vectors } of chunks.values()) for (const [id, { space }] of vectors) all.set(id, space);
  return heldSpaces(
    [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    marks,
  );
}

export function keep({ id, document, text, position, contentHash, metadata, space, vector }: CheckedChunk): Kept {
  const vectors = new Map([[space.id, keepVector(space, vector)]]);
  return { id, document, text, position, contentHash, metadata: JSON.parse(metadata), vectors };
}

export function keepVector(space: CheckedSpace, given: Float32Array): KeptVector {
  const vector = given.slice();
  return { space, vector, norm: length(vector) };
}

export function length(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) ** 2;
  return Math.sqrt(sum);
}

export function cosine(vector: Float32Array, norm: number, { vector: other, norm: otherNorm }: KeptVector): number {
  if (norm === 0 || otherNorm === 0) return 0;
  let dot = 0;
  for (let i = 0; i < vector.length; i++) dot += (vector[i] as number) * (other[i] as number);
  return Math.min(1, Math.max(-1, dot / (norm * otherNorm)));
}
