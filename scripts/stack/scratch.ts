import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stateFolder } from "./pulumi.ts";

/** A folder of this user alone that is there while `work` is done. */
export async function inScratch<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(stateFolder, `${name}-`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
