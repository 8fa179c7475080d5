import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "./docker.ts";
import { run } from "./exec.ts";

/** What a writer that outlives the kills of its server came to. */
export interface Kills {
  kills: number;
  /** Writes that were acknowledged. */
  acknowledged: number;
  /** Calls that failed while the server was away; each was repeated. */
  refused: number;
  /** Longest time that one write took, the server's absence included; seconds. */
  longest: number;
}

/** The same, with every acknowledged write that is missing, and whatever else does not hold, each as a sentence. */
export interface Outcome extends Kills {
  lost: string[];
}

export const noKills = (): Outcome => ({ kills: 0, acknowledged: 0, refused: 0, longest: 0, lost: [] });

/** Ends the server by SIGKILL, and resolves when it has been started again. */
export type Kill = () => Promise<void>;

/** A program of this folder that writes through one set of stores until it is told to stop, and tells each write that was acknowledged. */
export interface Writer<Told> {
  script: string;
  words: string[];
  /** Writes down what was told: the ledger is here, so that nothing which happens there can make it forget. */
  hear(told: Told): void;
}

/** Kills a server `kills` times at random moments under a writer, which has to go on after each of them, and counts them in `outcome`. */
export async function underKills<Told extends { kind: string }>(
  { script, words, hear }: Writer<Exclude<Told, { kind: "done" }>>,
  outcome: Kills,
  kill: Kill,
  kills: number,
): Promise<void> {
  const stdio = ["ignore", "inherit", "pipe", "ipc"] as ("ignore" | "inherit" | "pipe" | "ipc")[];
  const writer = fork(join(import.meta.dirname, script), words, { stdio });
  let complaint = "";
  let done = false;
  writer.stderr?.on("data", (data) => (complaint += data));
  const ended = new Promise<void>((resolve) => writer.once("exit", () => resolve()));
  writer.on("message", (told: Told) => {
    if (told.kind === "done") done = true;
    else hear(told as Exclude<Told, { kind: "done" }>);
  });
  const gaveUp = () => new Error(`the writer gave up: ${complaint}`);
  /** Only a server that took writes since the last time is worth killing. */
  const written = async () => {
    for (const before = outcome.acknowledged; outcome.acknowledged === before; await sleep(20))
      if (writer.exitCode !== null) throw gaveUp();
  };
  try {
    for (; outcome.kills < kills; outcome.kills++) {
      await written();
      await sleep(100 + Math.random() * 900);
      await kill();
    }
    await written();
    writer.send("stop");
    await ended;
    if (!done) throw gaveUp();
  } finally {
    writer.kill("SIGKILL");
  }
}

/** In words, with how many acknowledged writes of that name were lost. */
export const told = ({ kills, acknowledged, longest }: Kills, what: string, lost: readonly string[]): string =>
  `${kills} SIGKILLs under load, ${acknowledged} acknowledged ${what}, ${lost.length} lost, longest wait ${longest.toFixed(1)} s`;

/** What kills a container's main process with SIGKILL and starts it again. The engine, which waits longer before each restart of its own, is told not to. */
export async function killerOf(container: string): Promise<Kill> {
  await run("docker", ["update", "--restart", "no", container]);
  return async () => {
    const { Pid } = (await inspect(container)).State;
    process.kill(Pid, "SIGKILL");
    await startedAgain(container, Pid);
  };
}

/** One kill for several writers: it comes when each of them is ready for it. */
export function shared(kill: Kill, writers: number): Kill {
  let ready = 0;
  let next = Promise.withResolvers<void>();
  return () => {
    const turn = next;
    if (++ready === writers) {
      ready = 0;
      next = Promise.withResolvers<void>();
      turn.resolve(kill());
    }
    return turn.promise;
  };
}

/** Starts a container whose process was killed, as often as that takes. */
async function startedAgain(container: string, killed: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const { Pid } = (await inspect(container)).State;
    if (Pid > 0 && Pid !== killed) return;
    if (Pid === 0) await run("docker", ["start", container]);
    await sleep(50);
  }
  throw new Error(`${container} does not start again`);
}
