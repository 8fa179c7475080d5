import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { Redis } from "ioredis";
import { vi } from "vitest";
import type { Told } from "./session-holder.ts";

const HOLDERS = 4;
const TENANT = "paused";

export interface Outcome {
  pauses: number;
  /** Tokens of the writes that the server made, in its own order. */
  written: number[];
  accepted: number;
  /** Of writes whose holder had lost the lock. */
  refused: number;
}

/** Lets several processes write under one lock, and stops whoever holds it for longer than the lock's time, again and again. */
export async function pauseHolders(app: string, admin: string, pauses: number): Promise<Outcome> {
  const outcome: Outcome = { pauses: 0, written: [], accepted: 0, refused: 0 };
  // What the server does, in the order in which it does it: the only witness of who wrote after whom.
  const server = new Redis(admin.replace(/\?.*/, ""));
  // Its own first INFO would come in one packet with the answer to MONITOR, and the client takes that for an answer, too.
  await server.ping();
  const monitor = await server.monitor();
  const key = `t:${TENANT}:value:shared`;
  monitor.on("monitor", (_time: string, [command, at, json]: string[]) => {
    if (command?.toUpperCase() === "SET" && at === key) outcome.written.push(JSON.parse(json ?? "{}").token);
  });
  let newest = 0;
  let holder: { process: ChildProcess; token: number } | undefined;
  const children = Array.from({ length: HOLDERS }, (_, who) => {
    const child = fork(join(import.meta.dirname, "session-holder.ts"), [app, TENANT, String(who)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("message", ({ kind, token }: Told) => {
      if (kind === "holding") holder = { process: child, token };
      else outcome[kind]++;
      if (kind === "accepted") newest = Math.max(newest, token);
    });
    return child;
  });
  try {
    const wait = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 30_000, interval: 2 });
    while (outcome.pauses < pauses) {
      holder = undefined;
      await wait(() => holder !== undefined);
      const stopped = holder as unknown as { process: ChildProcess; token: number };
      // Amid its writes, not before the first of them.
      await wait(() => newest >= stopped.token);
      stopped.process.kill("SIGSTOP");
      try {
        await wait(() => newest > stopped.token); // another one has the lock, and wrote
      } finally {
        stopped.process.kill("SIGCONT");
      }
      outcome.pauses++;
    }
    const ended = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of children) child.send("stop");
    await Promise.all(ended);
    await wait(() => outcome.written.length >= outcome.accepted);
    return outcome;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    monitor.disconnect();
    server.disconnect();
  }
}
