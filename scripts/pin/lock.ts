import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Digest by `registry/repo:tag`. */
export type Digests = Record<string, string>;

/** What a reading changed. */
export interface Pinned {
  added: string[];
  /** Tags that now name another image than when they were read last. */
  moved: { image: string; from: string; to: string }[];
  /** Images that the catalogue no longer names. */
  dropped: string[];
  kept: string[];
}

export const readLock = (path: string): Digests => JSON.parse(readFileSync(path, "utf8")) as Digests;

export function compare(old: Digests, read: Digests): Pinned {
  const images = Object.keys(read).sort();
  return {
    added: images.filter((image) => !(image in old)),
    moved: images.flatMap((image) => {
      const [from, to] = [old[image], read[image]];
      return from && to && from !== to ? [{ image, from, to }] : [];
    }),
    dropped: Object.keys(old).filter((image) => !(image in read)),
    kept: images.filter((image) => old[image] === read[image]),
  };
}

/** Whole or not at all, and in the same order whatever was read first. */
export function writeLock(path: string, digests: Digests): void {
  const sorted = Object.fromEntries(Object.entries(digests).sort(([one], [other]) => (one < other ? -1 : 1)));
  writeFileSync(`${path}.new`, `${JSON.stringify(sorted, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
