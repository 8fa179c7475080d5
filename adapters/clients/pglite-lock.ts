import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../errors.ts";

/**
 * Holds a folder for this process until the returned function is called or the process ends, however it ends. Throws
 * `StoreError` code `conflict` when another process holds it: two engines on one folder lose acknowledged writes.
 *
 * The lock is the operating system's, taken through SQLite: it dies with its process, so there is no stale lock to judge, and it also
 * holds between containers that share the folder, where process ids say nothing.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  const { DatabaseSync } = await import("node:sqlite");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const holder = join(folder, "holder");
  const lock = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
  try {
    lock.exec("pragma locking_mode = exclusive; begin exclusive");
  } catch (cause) {
    lock.close();
    if ((cause as { errcode?: number }).errcode !== 5) throw cause;
    throw new StoreError(
      "conflict",
      "pglite",
      `${folder} is open in another process${named(holder)}.`,
      "Stop that process, or share one server: npm run up -- --target docker",
      cause,
    );
  }
  writeFileSync(holder, `${process.pid}\n`);
  return () => {
    rmSync(holder, { force: true });
    lock.close();
  };
}

function named(holder: string): string {
  try {
    return ` (pid ${readFileSync(holder, "utf8").trim()})`;
  } catch {
    return "";
  }
}
