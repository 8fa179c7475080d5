import { createHash } from "node:crypto";

/** Those in this process that wait for a stream. */
const waiting = new Map<string, Set<() => void>>();

/** Stands for a stream of a tenant, and says neither. */
export const streamKey = (tenant: string, stream: string): string =>
  createHash("sha256").update(`${tenant}\0${stream}`).digest("base64url").slice(0, 22);

/** Rings for everyone in this process who waits for the stream, in whatever store; for nothing, at worst. */
export function ringAll(key: string): void {
  for (const ring of waiting.get(key) ?? []) ring();
}

/** Rings until what this returns is called. */
export function whenRung(key: string, ring: () => void): () => void {
  const rings = waiting.get(key) ?? new Set();
  waiting.set(key, rings.add(ring));
  return () => {
    rings.delete(ring);
    if (rings.size === 0 && waiting.get(key) === rings) waiting.delete(key);
  };
}
