import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";

/** Files below a folder and their bytes, as far as was looked before `signal` aborted. */
export interface Measured {
  files: number;
  bytes: number;
  /** All was looked at. */
  whole: boolean;
}

/** Measures a folder that others may change meanwhile; one that is not there is empty. Links are not followed. */
export async function measure(folder: string, signal: AbortSignal): Promise<Measured> {
  const all: Measured = { files: 0, bytes: 0, whole: true };
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries = await opendir(at).catch(gone);
    if (!entries) continue;
    for await (const entry of entries) {
      if (signal.aborted) return { ...all, whole: false };
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile()) continue;
      all.bytes += (await stat(path).catch(gone))?.size ?? 0;
      all.files++;
    }
  }
  return all;
}

/** Names of the folders in a folder. Throws `StoreError` when it is not there. */
export async function foldersIn(folder: string, store: string): Promise<string[]> {
  const names: string[] = [];
  const entries = await opendir(folder).catch(gone);
  if (!entries) throw new StoreError("unprepared", store, `There is no folder ${folder}.`, "Make it: npm run up");
  for await (const entry of entries) if (entry.isDirectory()) names.push(entry.name);
  return names.sort();
}

function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
