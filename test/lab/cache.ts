import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { LabError } from "./exec.ts";

/**
 * Folder for what the lab builds once: `$AGENT_STORES_CACHE`, else `/var/cache/agent-stores` for root, else
 * `~/.cache/agent-stores`. It lies outside every checkout, so a fresh clone starts warm.
 */
export function cacheRoot(): string {
  if (process.env.AGENT_STORES_CACHE) return process.env.AGENT_STORES_CACHE;
  return process.getuid?.() === 0 ? "/var/cache/agent-stores" : join(homedir(), ".cache", "agent-stores");
}

/** First 12 hex digits of the sha256 of strings and of whole folders (`{ folder }`: names, modes and contents). */
export function keyOf(...inputs: (string | { folder: string })[]): string {
  const hash = createHash("sha256");
  for (const input of inputs) {
    if (typeof input === "string") hash.update(`s${input.length}:${input}`);
    else for (const line of folderLines(input.folder)) hash.update(line);
  }
  return hash.digest("hex").slice(0, 12);
}

function folderLines(folder: string): (string | Buffer)[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .flatMap((path) => {
      const content = readFileSync(path);
      const executable = (statSync(path).mode & 0o100) !== 0; // umask decides the rest, git does not
      return [`f${relative(folder, path)}:${executable}:${content.length}:`, content];
    });
}

/**
 * Runs `work` while no other process of this cache runs the same `name`. The kernel holds the lock through a child that
 * lives as long as this process, so a killed build leaves none behind.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const path = join(makeFolder(join(cacheRoot(), "locks")), name);
  const holder = spawn("flock", [path, "sh", "-c", "echo held; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((done) => {
    holder.once("close", () => done());
    holder.once("error", () => done());
  });
  const slow = setTimeout(() => process.stderr.write(`  waiting for another run that holds ${path}\n`), 2000);
  const held = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  clearTimeout(slow);
  if (!held) throw new LabError(`${path} cannot be locked.`, "Install flock (Debian: apt-get install util-linux).");
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/** Makes a folder that every user may read; says what to type when this user may not make it. */
export function makeFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new LabError(
      `The lab's cache cannot be written: ${(error as Error).message}`,
      "Prepare it once as root (node test/lab/lab.ts), or set AGENT_STORES_CACHE to a folder of your own.",
      error,
    );
  }
  return path;
}
