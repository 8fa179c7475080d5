import { constants, cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { messageOf, StoreError } from "../errors.ts";
import { lockFolder } from "./pglite-lock.ts";

/** The embedded engine of one folder; everything in this process that opens the folder shares it. */
export interface Engine {
  readonly db: PGlite;
  readonly protocol: typeof import("@electric-sql/pglite")["protocol"];
  /** Names of statements that this engine has prepared, by role and text. */
  readonly prepared: Map<string, string>;
  /** A statement name that was never used: a failed transaction may have left its names behind. */
  nextName(): string;
  /** Runs `work` when nothing else runs: there is one session. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

interface Shared {
  users: number;
  engine: Promise<Engine & { shut(): Promise<void> }>;
}

const shared = new Map<string, Shared>();

export interface OpenOptions {
  /** Make the database when the folder has none; otherwise that is an `unprepared` error. @default false */
  create?: boolean;
  /** A folder of `keepImage` that a new database starts from, when it is there: seconds faster than from nothing. */
  image?: string;
}

/** Opens the engine of a folder, or joins the one that this process has open. `release` gives it back; the last one closes it. */
export async function openEngine(
  folder: string,
  options: OpenOptions = {},
): Promise<{ engine: Engine; release(): Promise<void> }> {
  const key = resolve(folder);
  let entry = shared.get(key);
  if (!entry) {
    entry = { users: 0, engine: start(key, options) };
    shared.set(key, entry);
  }
  const mine = entry;
  mine.users++;
  const release = async () => {
    if (--mine.users > 0) return;
    if (shared.get(key) === mine) shared.delete(key);
    // A later open of the folder waits at the lock for this, not in this process: the map has forgotten it.
    closing.set(
      key,
      mine.engine.then((engine) => engine.shut()).catch(() => {}),
    );
    await closing.get(key);
  };
  try {
    return { engine: await mine.engine, release };
  } catch (error) {
    await release();
    throw error;
  }
}

const closing = new Map<string, Promise<void>>();

async function start(folder: string, options: OpenOptions): Promise<Engine & { shut(): Promise<void> }> {
  await closing.get(folder);
  const data = join(folder, "data");
  if (!options.create && !existsSync(data)) {
    throw new StoreError("unprepared", "pglite", `There is no database in ${folder}.`, "Make it: npm run up");
  }
  const unlock = await lockFolder(folder);
  try {
    const { PGlite, protocol, vector } = await load();
    const open = (dataDir: string) => PGlite.create({ dataDir, extensions: { vector } });
    const image = !existsSync(data) && options.image && existsSync(options.image) ? options.image : undefined;
    if (image) copyWhole(image, data);
    else if (!existsSync(data)) await create(open, data);
    const db = await open(data).catch(async (error) => {
      if (!image) throw error;
      // A damaged image costs the time that it would have saved, and nothing else.
      rmSync(data, { recursive: true });
      await create(open, data);
      return await open(data);
    });
    let last: Promise<unknown> = Promise.resolve();
    let names = 0;
    return {
      db,
      protocol,
      prepared: new Map(),
      nextName: () => `agents_${names++}`,
      exclusive<T>(work: () => Promise<T>) {
        const turn = last.then(work, work);
        last = turn.catch(() => {});
        return turn;
      },
      async shut() {
        await last;
        try {
          await db.close();
        } finally {
          unlock();
        }
      },
    };
  } catch (error) {
    unlock();
    if (error instanceof StoreError) throw error;
    throw new StoreError(
      "failed",
      "pglite",
      `The database in ${folder} does not open (${messageOf(error)}).`,
      "Restore a copy of the folder, or start anew: npm run reset",
      error,
    );
  }
}

/** Made beside its place and then renamed, so that a process killed in the middle leaves nothing half-made. */
async function create(open: (dataDir: string) => Promise<PGlite>, data: string): Promise<void> {
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  await (await open(fresh)).close();
  renameSync(fresh, data);
}

/** As `create`. Files share their blocks where the file system can do that. */
function copyWhole(from: string, to: string, fresh = `${to}.new`): void {
  rmSync(fresh, { recursive: true, force: true });
  try {
    cpSync(from, fresh, { recursive: true, mode: constants.COPYFILE_FICLONE });
    renameSync(fresh, to);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Copies the database of a folder that this process has open, for `image` of later ones. */
export async function keepImage(folder: string, image: string): Promise<void> {
  const { engine, release } = await openEngine(folder);
  try {
    await engine.exclusive(async () => {
      await engine.db.query("checkpoint");
      copyWhole(join(resolve(folder), "data"), image, `${image}.${process.pid}`); // others may be at it, too
    });
  } finally {
    await release();
  }
}

async function load() {
  try {
    const [{ PGlite, protocol }, { vector }] = await Promise.all([
      import("@electric-sql/pglite"),
      import("@electric-sql/pglite-pgvector"),
    ]);
    return { PGlite, protocol, vector: vector as never };
  } catch (cause) {
    const mend = "Run: npm install @electric-sql/pglite @electric-sql/pglite-pgvector";
    throw new StoreError("missing-client", "pglite", "The embedded database is not installed.", mend, cause);
  }
}
