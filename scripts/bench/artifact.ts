import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFleet } from "../../adapters/index.ts";
import type { Measured } from "./artifact-run.ts";
import { median } from "./data.ts";

export interface ArtifactFigures {
  way: Way;
  bytes: number;
  rounds: number;
  /** Median bytes a second. */
  ours: number;
  baseline: number;
  /** Median over rounds of ours / baseline: 1 is as fast, less is slower. */
  ratio: number;
  /** Most bytes that a process which did only this ever had in memory. */
  memory: { ours: number; baseline: number };
  /** The part of it that was there before the first byte: Node, the programs and the client. */
  begun: { ours: number; baseline: number };
}

/** What goes both ways before anything is measured. */
const WARM = 1 << 20;
const WAYS = ["up", "down"] as const;
const BOTH = ["baseline", "ours"] as const;
type Way = (typeof WAYS)[number];
type Who = (typeof BOTH)[number];

/** One long artifact up and down, ours and with the bare client in turns, each in a process of its own: its memory is what that alone takes. */
export async function artifactBench(
  app: string,
  fleetUrl: string,
  bytes: number,
  rounds: number,
  progress: (text: string) => void,
): Promise<ArtifactFigures[]> {
  const tenant = `bench-${process.pid}`;
  const fleet = openFleet({ ARTIFACT_URL: fleetUrl });
  // Stripping types takes some 25 MiB, of ours and of the bare client's program alike: what is built once has none of it.
  const cache = await mkdtemp(join(tmpdir(), "agent-stores-bench-"));
  const transfer = (who: Who, way: Way, size: number) =>
    inProcess([who, way, tenant, String(size)], { BENCH_URL: app, NODE_COMPILE_CACHE: cache });
  const measured = { up: [] as Pair[], down: [] as Pair[] };
  try {
    for (const way of WAYS) for (const who of BOTH) await transfer(who, way, WARM);
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) {
        progress(`${way}, round ${round + 1} of ${rounds}`);
        const pair: Partial<Pair> = {};
        for (const who of round % 2 ? BOTH.toReversed() : BOTH) pair[who] = await transfer(who, way, bytes);
        measured[way].push(pair as Pair);
      }
    }
  } finally {
    await rm(cache, { recursive: true, force: true });
    await fleet.artifact.deleteTenant(tenant);
    await fleet.close();
  }
  return WAYS.map((way) => figures(way, bytes, measured[way]));
}

type Pair = Record<Who, Measured>;

function figures(way: Way, bytes: number, pairs: Pair[]): ArtifactFigures {
  const rate = (who: Who) => median(pairs.map((pair) => bytes / pair[who].seconds));
  const most = (of: "memory" | "begun") => {
    const by = (who: Who) => Math.max(...pairs.map((pair) => pair[who][of]));
    return { ours: by("ours"), baseline: by("baseline") };
  };
  return {
    way,
    bytes,
    rounds: pairs.length,
    ours: rate("ours"),
    baseline: rate("baseline"),
    ratio: median(pairs.map((pair) => pair.baseline.seconds / pair.ours.seconds)),
    memory: most("memory"),
    begun: most("begun"),
  };
}

function inProcess(words: string[], env: Record<string, string>): Promise<Measured> {
  const child = fork(join(import.meta.dirname, "artifact-run.ts"), words, {
    // Its URL not as a word: everyone on the machine reads those.
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.on("data", (data) => (complaint += data));
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Measured));
    child.once("exit", (code) => reject(new Error(`${words.join(" ")} ended with ${code}: ${complaint.slice(-2000)}`)));
  });
}
