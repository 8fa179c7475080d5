import { setTimeout as sleep } from "node:timers/promises";
import { must, run } from "./exec.ts";

/** What the tests look at of `docker inspect`; `text` is all of it. */
export interface Inspected {
  Id: string;
  Config: { User: string; StopSignal: string; StopTimeout: number };
  State: { Pid: number; Paused: boolean; Health?: { Status: string } };
  HostConfig: {
    Memory: number;
    MemorySwap: number;
    NanoCpus: number;
    ShmSize: number;
    CapDrop: string[];
    SecurityOpt: string[];
    RestartPolicy: { Name: string };
    LogConfig: { Config: Record<string, string> };
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]>;
  };
  text: string;
}

export async function inspect(container: string): Promise<Inspected> {
  const { code, stdout, stderr } = await run("docker", ["inspect", container]);
  if (code !== 0) throw new Error(stderr);
  return { ...JSON.parse(stdout)[0], text: stdout };
}

/** Names of what carries a stack's label. */
export async function labelled(kind: "container" | "volume" | "network", stack: string): Promise<string[]> {
  const words = kind === "container" ? ["ps", "-a"] : [kind, "ls"];
  const format = kind === "container" ? "{{.Names}}" : "{{.Name}}";
  const { stdout } = await run("docker", [
    ...words,
    "--filter",
    `label=agent-stores.stack=${stack}`,
    "--format",
    format,
  ]);
  return stdout.trim().split("\n").filter(Boolean).sort();
}

/** Seconds until a container is as `healthy` as wanted; throws when it is not in time. */
export async function waitForHealth(container: string, wanted: string, limit: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    const seconds = (performance.now() - started) / 1000;
    if ((await inspect(container)).State.Health?.Status === wanted) return seconds;
    if (seconds > limit) throw new Error(`${container} is not ${wanted} after ${limit} s`);
    await sleep(250);
  }
}

/** Stops every process of a container for as long as `work` takes. */
export async function whileFrozen<T>(container: string, work: () => Promise<T>): Promise<T> {
  // The engine gives up on a busy machine, where a process can be slow to stop: "unable to freeze".
  for (let left = 9; (await run("docker", ["pause", container])).code !== 0 && left > 0; left--) await sleep(300);
  if (!(await inspect(container)).State.Paused) throw new Error(`${container} could not be frozen`);
  try {
    return await work();
  } finally {
    await must("docker", ["unpause", container]);
  }
}
