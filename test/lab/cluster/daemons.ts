import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "../exec.ts";
import { startTime } from "../process.ts";
import { inCluster, logFile } from "./place.ts";

/** A program of the cluster that this lab started: an id may be another's by now, the time tells. */
interface Daemon {
  name: string;
  pid: number;
  started: string;
}

const record = () => inCluster("daemons.json");

/** In the order of their start. */
export function daemons(): Daemon[] {
  return existsSync(record()) ? (JSON.parse(readFileSync(record(), "utf8")) as Daemon[]) : [];
}

export const lives = ({ pid, started }: Daemon): boolean => startTime(pid) === started;

/** Starts a program that outlives this process, in a group of its own: an interrupt of this run must not take the cluster along. */
export function startDaemon(name: string, program: string, args: string[], env: NodeJS.ProcessEnv = process.env): void {
  const out = openSync(logFile(name), "a");
  const child = spawn(program, args, { detached: true, stdio: ["ignore", out, out], env });
  closeSync(out);
  child.unref();
  const started = child.pid === undefined ? undefined : startTime(child.pid);
  if (child.pid === undefined || started === undefined)
    throw new LabError(`${name} did not start.`, `Read ${logFile(name)}`);
  writeFileSync(
    record(),
    JSON.stringify([...daemons().filter((other) => other.name !== name), { name, pid: child.pid, started }]),
  );
}

/** Stops one by its record: asked first, then killed. */
export async function stopDaemon(name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  const daemon = daemons().find((other) => other.name === name);
  if (!daemon) return;
  if (lives(daemon)) process.kill(daemon.pid, signal);
  for (let waited = 0; lives(daemon) && waited < 100; waited++) await sleep(100);
  if (lives(daemon)) process.kill(daemon.pid, "SIGKILL");
  while (lives(daemon)) await sleep(20);
  writeFileSync(record(), JSON.stringify(daemons().filter((other) => other.name !== name)));
}

/** Waits until `answers` does, as long as the program lives. */
export async function untilAnswers(name: string, answers: () => Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await answers())) {
    const daemon = daemons().find((other) => other.name === name);
    if (daemon && lives(daemon) && performance.now() < deadline) {
      await sleep(100);
      continue;
    }
    const last = readFileSync(logFile(name), "utf8").trim().split("\n").slice(-8).join("\n");
    throw new LabError(
      `${name} ${daemon && lives(daemon) ? `does not answer after ${seconds} s` : "has ended"}:\n${last}`,
      `Read ${logFile(name)}`,
    );
  }
}
