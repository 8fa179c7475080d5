import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import type { Listed } from "./backend.ts";
import { type Content, expectHash } from "./content.ts";
import type { ByteRange } from "./contract.ts";
import { encodePath } from "./file-names.ts";
import { errno, makeFolder, moveTo, openInside, walk } from "./file-tree.ts";
import { refuseRange } from "./validate.ts";

const PIECE = 1 << 18;

/** A content on the disk that is not yet in its place. */
export interface Draft {
  sha256: string;
  listed: Listed;
  /** Puts it in its place below `root`. Throws `StoreError` code `conflict` where a folder would have to be a file. */
  moveInto(root: string): Promise<void>;
  /** Removes it, if it was not moved. */
  discard(): Promise<void>;
}

/** Writes a content into `uploads`, until the disk has it. Nothing is left there when that fails, or the hash is not the one that it must be. */
export async function draftOf(
  uploads: string,
  path: string,
  content: Content,
  must: string | null,
  modifiedAt?: Date,
): Promise<Draft> {
  await makeFolder(uploads);
  const file = join(uploads, randomUUID());
  const handle = await open(file, "wx", 0o600);
  const discard = () => rm(file, { force: true });
  try {
    const sha256 = "bytes" in content ? content.sha256 : await writeAll(handle, content.stream);
    if ("bytes" in content) await handle.writeFile(content.bytes);
    expectHash(path, sha256, must);
    // The kernel's clock ticks in milliseconds: two contents of one size could have the same time, which tells them apart.
    const made = ((modifiedAt?.getTime() ?? Date.now()) + 0.1 + Math.random() * 0.8) / 1000;
    await handle.utimes(made, made);
    await handle.sync();
    const listed = await listedOf(handle, path);
    await handle.close();
    return { sha256, listed, discard, moveInto: (root) => place(root, path, file) };
  } catch (error) {
    await handle.close().catch(() => {});
    await discard();
    throw error;
  }
}

async function writeAll(handle: FileHandle, stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) {
    hash.update(chunk);
    for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten;
  }
  return hash.digest("hex");
}

async function place(root: string, path: string, from: string): Promise<void> {
  try {
    await moveTo(root, encodePath(path), from);
  } catch (error) {
    const other = await inTheWay(root, path);
    if (other === undefined) throw error;
    throw new StoreError(
      "conflict",
      "file",
      `${JSON.stringify(path)} cannot be beside ${JSON.stringify(other)}: a folder cannot be a file.`,
      "Name one of them differently, or delete the other first.",
      error,
    );
  }
}

/** An artifact above or below a path. */
async function inTheWay(root: string, path: string): Promise<string | undefined> {
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const above = await openInside(root, encodePath(path.slice(0, at))).catch(() => undefined);
    await above?.close();
    if (above) return path.slice(0, at);
  }
  for await (const [below] of walk(root, `${path}/`)) return below;
  return undefined;
}

/** What a file says of itself. Its time and size tell its contents apart; both outlive a copy that keeps times. */
async function listedOf(handle: FileHandle, path: string): Promise<Listed> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  const modifiedAt = new Date(Number(mtimeNs / 1_000_000n));
  return { path, size: Number(size), modifiedAt, version: `${mtimeNs}-${size}` };
}

export interface OpenContent {
  listed: Listed;
  /** The bytes of the range, once; closes the file at their end. */
  chunks: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Opens a content; what replaces or removes it meanwhile does not change what is read. Undefined when there is none. */
export async function openContent(root: string, path: string, range?: ByteRange): Promise<OpenContent | undefined> {
  const handle = await openInside(root, encodePath(path));
  if (!handle) return undefined;
  try {
    const listed = await listedOf(handle, path);
    if (range && range.start >= listed.size) refuseRange(path, range.start, listed.size);
    const end = Math.min(range?.end ?? Infinity, listed.size - 1);
    return { listed, close: () => handle.close(), chunks: pieces(handle, range?.start ?? 0, end) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* pieces(handle: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  try {
    for (let at = start; at <= end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - at + 1));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** A file-system error as ours. */
export function fileProblem(error: unknown, root: string): unknown {
  if (error instanceof StoreError) return error;
  const code = /^E[A-Z]+$/.exec(errno(error))?.[0] ?? "";
  const make = (kind: StoreError["code"], what: string, mend: string) =>
    new StoreError(kind, "file", what, mend, error);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return make("full", `The disk of ${root} is full.`, "Free or add space, then repeat the call.");
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return make("denied", `This account may not write or read in ${root} (${code}).`, "Give it the folder: chown -R");
    case "EMFILE":
    case "ENFILE":
      return make("unavailable", "This process has too many files open.", "Read or cancel the bodies that get() gave.");
    case "ENOTDIR":
      return make("invalid", `${root} is no folder.`, "Name a folder in ARTIFACT_URL.");
    case "":
      return error;
    default:
      return make("failed", `The file system says ${code}.`, "The cause has its details.");
  }
}
