import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../terminal/report.ts";
import { stateFolder } from "./pulumi.ts";

export interface Held {
  /** The command that held the lock before us died without letting go: its work may be half done. */
  broken: boolean;
}

/** Runs `work` while no other command changes this stack. A lock whose holder is dead is taken over. */
export async function withLock<T>(stack: string, command: string, work: (held: Held) => Promise<T>): Promise<T> {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const path = join(stateFolder, `${stack}.lock`);
  const broken = take(path, command);
  try {
    return await work({ broken });
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string, command: string): boolean {
  const mine = `${path}.${process.pid}`;
  const [since, started] = [new Date().toISOString(), startOf(process.pid)];
  writeFileSync(mine, JSON.stringify({ pid: process.pid, command, since, started }), { mode: 0o600 });
  try {
    for (let broken = false; ; broken = takeOver(path) || broken) {
      try {
        linkSync(mine, path); // whole from the start, or not there
        return broken;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = read(path);
      if (holder && isAlive(holder))
        throw new Failure(
          `npm run ${holder.command} (pid ${holder.pid}) is at work on this stack since ${holder.since}`,
          `Wait for it, or stop it: kill ${holder.pid}`,
        );
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Takes a dead holder's lock away, aside first: whoever was quicker may hold it by now, and gets it back. Whether it was a dead one's. */
function takeOver(path: string): boolean {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch {
    return false; // gone meanwhile
  }
  const holder = read(aside);
  const dead = !holder || !isAlive(holder);
  if (!dead && !existsSync(path)) renameSync(aside, path);
  rmSync(aside, { force: true });
  return dead;
}

interface Holder {
  pid: number;
  command: string;
  since: string;
  started: string;
}

const isAlive = ({ pid, started }: Holder) => startOf(pid) === started;

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // gone meanwhile
  }
}

/** When a process started, so that a new one with an old one's id is told apart; empty when it is gone. */
export function startOf(pid: number): string {
  try {
    if (process.platform === "linux") {
      const [state = "", ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      return "ZX".includes(state) ? "" : (fields[18] ?? ""); // a zombie works on nothing
    }
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "alive" : "";
  }
}
