import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256 as hashOf } from "../canonical.ts";
import type { Details, Kept } from "./backend.ts";
import { detailsOf, detailsText } from "./details.ts";
import { encodePath, encodeSegment } from "./file-names.ts";
import { ifThere, makeFolder, moveTo, openInside, removeFile, walk } from "./file-tree.ts";

/** Ends the name of what lies beside a content; no encoded name ends so. */
const BESIDE = "%json";

/** What a tenant's folder has beside the contents: their details, and marks by which a run's artifacts are found. */
export class Beside {
  readonly #meta: string;
  readonly #runs: string;
  readonly #uploads: string;

  constructor(folder: string) {
    this.#meta = join(folder, "meta");
    this.#runs = join(folder, "runs");
    this.#uploads = join(folder, "uploads");
  }

  async read(path: string): Promise<Details | undefined> {
    const handle = await openInside(this.#meta, parts(path));
    return handle && detailsOf(await handle.readFile("utf8").finally(() => handle.close()));
  }

  /** The mark first: one without an artifact is harmless, an artifact without one would not be found. */
  async write(kept: Kept): Promise<void> {
    if (kept.run) await this.#place(this.#runs, mark(kept.run, kept.path), kept.path);
    await this.#place(this.#meta, parts(kept.path), detailsText(kept));
  }

  async remove(path: string, run: string | null): Promise<void> {
    await removeFile(this.#meta, parts(path));
    if (run) await removeFile(this.#runs, mark(run, path));
  }

  /** Paths that a run marked; it need not be theirs any more. */
  async marked(run: string): Promise<string[]> {
    const folder = join(this.#runs, ...encodeSegment(run));
    const names = (await ifThere(readdir(folder))) ?? [];
    const texts = await Promise.all(names.map((name) => ifThere(readFile(join(folder, name), "utf8"))));
    return texts.filter((text) => text !== undefined);
  }

  /** Removes what is older than `before` and belongs to no artifact: `runOf` says whose run one is, undefined when it is not there. */
  async sweep(before: Date, runOf: (path: string) => Promise<string | null | undefined>): Promise<number> {
    let removed = 0;
    const old = async (file: string) => ((await ifThere(stat(file)))?.mtime ?? before) < before;
    for await (const [path, file] of walk(this.#meta, "", BESIDE)) {
      if (!(await old(file)) || (await runOf(path)) !== undefined) continue;
      if (await removeFile(this.#meta, parts(path))) removed++;
    }
    for await (const [name, file] of walk(this.#runs)) {
      if (!(await old(file))) continue;
      const path = await readFile(file, "utf8");
      const run = name.slice(0, name.lastIndexOf("/"));
      if ((await runOf(path)) !== run && (await removeFile(this.#runs, mark(run, path)))) removed++;
    }
    for (const name of (await ifThere(readdir(this.#uploads))) ?? []) {
      const file = join(this.#uploads, name);
      if (!(await old(file))) continue;
      await rm(file, { force: true });
      removed++;
    }
    return removed;
  }

  async #place(root: string, to: readonly string[], text: string): Promise<void> {
    await makeFolder(this.#uploads);
    const file = join(this.#uploads, randomUUID());
    try {
      const handle = await open(file, "wx", 0o600);
      await handle
        .writeFile(text)
        .then(() => handle.sync())
        .finally(() => handle.close());
      await moveTo(root, to, file);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  }
}

function parts(path: string): string[] {
  const all = encodePath(path);
  return all.with(-1, `${all.at(-1)}${BESIDE}`);
}

/** By the path's hash: a path that was a file once may be a folder by now. */
const mark = (run: string, path: string): string[] => [...encodeSegment(run), hashOf(path)];
