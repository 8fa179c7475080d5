import { createHash, randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Blobs } from "../role.ts";
import { openFile, pieces } from "./files.ts";
import { BLOBS, damaged, isHash } from "./format.ts";

/** Where a content lies in a snapshot's folder. */
export const blobPath = (sha256: string) => `${BLOBS}/${sha256.slice(0, 2)}/${sha256}`;

/** Contents in a snapshot's folder, by their SHA-256. */
export class BlobFolder implements Blobs {
  readonly #snapshot: string;
  readonly #folder: string;

  constructor(snapshot: string) {
    this.#snapshot = snapshot;
    this.#folder = join(snapshot, BLOBS);
  }

  /** Where a content lies. Only what is a hash becomes part of a path. */
  #file(sha256: string): string {
    if (!isHash(sha256)) throw damaged("A record", "names a content by something that is no SHA-256");
    return join(this.#snapshot, blobPath(sha256));
  }

  async keep(content: () => AsyncIterable<Uint8Array>, known?: string): Promise<{ sha256: string; size: number }> {
    if (known !== undefined) {
      const there = await stat(this.#file(known)).catch(() => undefined);
      if (there) return { sha256: known, size: there.size };
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = join(this.#folder, `.${randomUUID()}`);
    const handle = await open(draft, "wx", 0o600);
    try {
      const kept = await writeAll(handle, content());
      await handle.sync();
      await handle.close();
      await mkdir(join(this.#folder, kept.sha256.slice(0, 2)), { recursive: true, mode: 0o700 });
      await rename(draft, this.#file(kept.sha256));
      return kept;
    } catch (error) {
      await handle.close().catch(() => {});
      await rm(draft, { force: true });
      throw error;
    }
  }

  async *read(sha256: string): AsyncGenerator<Uint8Array> {
    yield* pieces(await openFile(this.#file(sha256), blobPath(sha256)));
  }

  /** Throws `StoreError` unless a content is what it was. */
  async check(sha256: string, size: number): Promise<void> {
    const path = blobPath(sha256);
    const handle = await openFile(this.#file(sha256), path);
    const hash = createHash("sha256");
    let found = 0;
    for await (const piece of pieces(handle)) {
      hash.update(piece);
      found += piece.length;
      if (found > size) break;
    }
    if (found !== size) throw damaged(path, `has not the ${size} bytes that it had`);
    if (hash.digest("hex") !== sha256) throw damaged(path, "is not as it was written");
  }

  /**
   * The names of everything that lies there, in order; those that are no content's come with their folder.
   * @param most contents that may lie there; of more, none is named
   */
  async *names(most = Infinity): AsyncGenerator<string> {
    for (const part of await entries(this.#folder, 256)) {
      if (!part.isDirectory() || !/^[0-9a-f]{2}$/.test(part.name)) {
        yield part.name;
        continue;
      }
      for (const { name } of await entries(join(this.#folder, part.name), most))
        yield isHash(name) && name.startsWith(part.name) ? name : `${part.name}/${name}`;
    }
  }

  async size(sha256: string): Promise<number> {
    return (await stat(this.#file(sha256))).size;
  }
}

/** What a folder holds, in order of names; a folder that was stuffed is not read to its end. */
async function entries(folder: string, most: number): Promise<Dirent[]> {
  const all: Dirent[] = [];
  for await (const entry of await opendir(folder))
    if (all.push(entry) > most) throw damaged(`${BLOBS}/${basename(folder)}`, "holds more than the manifest says");
  return all.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function writeAll(handle: FileHandle, content: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of content) {
    hash.update(piece);
    size += piece.length;
    for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
  }
  return { sha256: hash.digest("hex"), size };
}
