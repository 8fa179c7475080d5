import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, realpath, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { StoreError } from "../errors.ts";
import { byCodePoint } from "../order.ts";
import { decodePart } from "./file-names.ts";

export const errno = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? "";

/** Undefined for a file or folder that is not there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Makes what was done in a folder outlive a crash of the machine. Windows has no such call for folders, and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await ifThere(open(folder, "r"));
  await handle?.sync().finally(() => handle.close());
}

/** Makes a folder and those above it, so that they outlive a crash. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Opens a file for reading where it really is in this folder; undefined when it is not there. Throws `StoreError` for a link. */
export async function openInside(root: string, parts: readonly string[]): Promise<FileHandle | undefined> {
  await refuseLinks(root, parts);
  const file = join(root, ...parts);
  try {
    const handle = await ifThere(open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)));
    if (handle && !(await handle.stat()).isFile()) {
      await handle.close();
      return undefined;
    }
    return handle;
  } catch (error) {
    if (errno(error) === "ELOOP") throw linked(file);
    if (errno(error) === "EISDIR") return undefined; // what Windows says
    throw error;
  }
}

/** Throws `StoreError` where a folder on the way is a link: it may lead out of the tenant's own. */
export async function refuseLinks(root: string, parts: readonly string[]): Promise<void> {
  const base = await ifThere(realpath(root));
  if (base === undefined) return;
  for (let length = parts.length - 1; length > 0; length--) {
    const found = await ifThere(realpath(join(root, ...parts.slice(0, length))));
    if (found === undefined) continue;
    if (found !== join(base, ...parts.slice(0, length)) && !sameButCase(found, join(base, ...parts.slice(0, length))))
      throw linked(join(root, ...parts.slice(0, length)));
    return;
  }
}

/** A file system that ignores case answers with the names as they were first written. */
const sameButCase = (one: string, other: string) =>
  (process.platform === "win32" || process.platform === "darwin") && one.toLowerCase() === other.toLowerCase();

function linked(path: string): StoreError {
  return new StoreError("denied", "file", `${path} is a link.`, "Put the files themselves into the store's folder.");
}

/** Moves a finished file to its place, in folders that others may remove meanwhile because they are empty. */
export async function moveTo(root: string, parts: readonly string[], from: string): Promise<void> {
  await refuseLinks(root, parts);
  const to = join(root, ...parts);
  for (let tries = 0; ; tries++) {
    try {
      await makeFolder(dirname(to));
      await rename(from, to);
      await syncFolder(dirname(to));
      return;
    } catch (error) {
      const emptied = errno(error) === "ENOENT" || (isFolder(error) && (await removeEmpty(to)));
      if (!emptied || tries >= 9) throw error;
    }
  }
}

/** A file cannot be put over a folder. */
export const isFolder = (error: unknown) => ["EISDIR", "ENOTEMPTY", "EEXIST", "EPERM"].includes(errno(error));

/** Removes a file, and the folders above it that are empty then, up to `root`. Whether there was one. */
export async function removeFile(root: string, parts: readonly string[]): Promise<boolean> {
  await refuseLinks(root, parts);
  const file = join(root, ...parts);
  try {
    await unlink(file);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR", "EPERM"].includes(errno(error))) return false;
    throw error;
  }
  await syncFolder(dirname(file));
  for (let folder = dirname(file); folder.startsWith(root + sep); folder = dirname(folder)) {
    if (
      !(await rmdir(folder).then(
        () => true,
        () => false,
      ))
    )
      break;
  }
  return true;
}

/** Removes a folder that holds nothing but empty folders; whether it is gone. */
async function removeEmpty(folder: string): Promise<boolean> {
  const entries = (await ifThere(readdir(folder, { withFileTypes: true }))) ?? [];
  for (const entry of entries) if (!entry.isDirectory() || !(await removeEmpty(join(folder, entry.name)))) return false;
  return rmdir(folder).then(
    () => true,
    (error) => errno(error) === "ENOENT",
  );
}

interface Entry {
  name: string;
  folder: boolean;
  at: string;
}

/** Every file below a folder with its path, in code-point order of paths; links are left out. `ending` is cut off, and files without it are left out. */
export async function* walk(
  folder: string,
  prefix = "",
  ending = "",
  above = "",
): AsyncGenerator<[path: string, file: string]> {
  const entries = await level(folder, "", ending);
  const key = ({ name, folder: isOne }: Entry) => (isOne ? `${name}/` : name);
  for (const entry of entries.sort((one, other) => byCodePoint(key(one), key(other)))) {
    const path = above + key(entry);
    if (!path.startsWith(prefix) && !(entry.folder && prefix.startsWith(path))) continue;
    if (entry.folder) yield* walk(entry.at, prefix, ending, path);
    else yield [path, entry.at];
  }
}

/** Entries of one folder by the names they stand for; names that go on in a folder below are put together. */
async function level(folder: string, begun: string, ending: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of (await ifThere(readdir(folder, { withFileTypes: true }))) ?? []) {
    const at = join(folder, entry.name);
    if (entry.isDirectory()) {
      const { text, goesOn } = decodePart(entry.name);
      if (goesOn) found.push(...(await level(at, begun + text, ending)));
      else found.push({ name: begun + text, folder: true, at });
    } else if (entry.isFile() && entry.name.endsWith(ending)) {
      const { text } = decodePart(entry.name.slice(0, entry.name.length - ending.length));
      found.push({ name: begun + text, folder: false, at });
    }
  }
  return found;
}
