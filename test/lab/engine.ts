import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheRoot, makeFolder, withLock } from "./cache.ts";
import { LabError, must, run } from "./exec.ts";
import { startTime } from "./process.ts";

/** A Docker engine that answers. */
export interface Engine {
  version: string;
  /** True when this call or an earlier lab run started it, so that `stopEngine` may stop it. */
  ours: boolean;
}

const START_SECONDS = 60;
const folder = () => join(cacheRoot(), "engine");
const record = () => join(folder(), "started.json");

/**
 * An engine that answers: the one that is there, else one installed from Debian's packages and started as root. It goes
 * on running after this process, so the next run is warm.
 *
 * @throws LabError when none answers and this user or system cannot start one.
 */
export async function ensureEngine(): Promise<Engine> {
  const version = await answering();
  if (version) return { version, ours: startedByUs() !== undefined };
  refuseWhereWeMayNotStart();
  return withLock("engine", async () => {
    await installEngine();
    const already = await answering();
    return { version: already ?? (await startEngine()), ours: true };
  });
}

/** Stops the engine if a lab run started it, with its containers left in place. Answers whether it did. */
export async function stopEngine(): Promise<boolean> {
  const pid = startedByUs();
  if (pid === undefined) return false;
  process.kill(pid, "SIGTERM");
  for (let waited = 0; startedByUs() !== undefined && waited < START_SECONDS * 10; waited++) await sleep(100);
  if (startedByUs() !== undefined) throw new LabError(`dockerd (pid ${pid}) does not stop.`, `Run: kill -9 ${pid}`);
  rmSync(record(), { force: true });
  return true;
}

async function answering(): Promise<string | undefined> {
  const info = await run("docker", ["info", "--format", "{{.ServerVersion}}"]);
  if (/permission denied/i.test(info.stderr)) {
    throw new LabError(
      "The Docker engine refuses this user.",
      "Run: sudo usermod -aG docker $USER   and log in again (or run the lab as root).",
    );
  }
  return info.code === 0 ? info.stdout.trim() || undefined : undefined;
}

function refuseWhereWeMayNotStart(): void {
  if (process.env.DOCKER_HOST) {
    throw new LabError(
      `No engine answers at DOCKER_HOST=${process.env.DOCKER_HOST}.`,
      "Start that engine, or unset DOCKER_HOST.",
    );
  }
  if (process.platform !== "linux") {
    throw new LabError("No Docker engine answers.", "Start Docker Desktop, Colima or another engine.");
  }
  if (process.getuid?.() !== 0) {
    throw new LabError(
      "No Docker engine answers, and only root can start one.",
      "Run: sudo systemctl start docker   or prepare the lab once as root: node test/lab/lab.ts",
    );
  }
}

async function installEngine(): Promise<void> {
  const missing = (
    await Promise.all(["dockerd", "docker", "iptables"].map(async (name) => ((await onPath(name)) ? [] : [name])))
  ).flat();
  if (missing.length === 0) return;
  if (!(await onPath("apt-get"))) {
    throw new LabError(
      `${missing.join(" and ")} not found, and this is no Debian to install from.`,
      "Install Docker: https://docs.docker.com/engine/install/",
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await must("apt-get", ["update", "-q"], { env });
  await must("apt-get", ["install", "-y", "-q", "--no-install-recommends", "docker.io", "iptables"], { env });
}

/** sbin is where dockerd and iptables lie, and not on every PATH. */
function enginePath(): string {
  return [process.env.PATH ?? "", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter);
}

async function onPath(name: string): Promise<boolean> {
  const env = { ...process.env, PATH: enginePath() };
  return (await run("sh", ["-c", 'command -v "$0"', name], { env })).code === 0;
}

async function startEngine(): Promise<string> {
  makeFolder(folder());
  const log = join(folder(), "dockerd.log");
  const out = openSync(log, "w");
  // A group of its own and no terminal: Ctrl-C on a lab run must not take the engine along. The socket belongs to
  // group docker, as the package sets it up, so that a run as an ordinary user can be rehearsed.
  const child = spawn("dockerd", ["--group", "docker"], {
    detached: true,
    stdio: ["ignore", out, out],
    env: { ...process.env, PATH: enginePath() },
  });
  closeSync(out);
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code) => (ended = `it ended with ${code}`));
  child.unref();
  const deadline = Date.now() + START_SECONDS * 1000;
  while (ended === undefined && Date.now() < deadline) {
    const version = await answering();
    if (version && child.pid !== undefined) {
      writeFileSync(record(), JSON.stringify({ pid: child.pid, started: startTime(child.pid) }));
      return version;
    }
    await sleep(200);
  }
  if (ended === undefined && child.pid !== undefined) process.kill(child.pid, "SIGTERM");
  const last = readFileSync(log, "utf8").trim().split("\n").slice(-5).join("\n");
  throw new LabError(`dockerd did not start: ${ended ?? `no answer in ${START_SECONDS} s`}\n${last}`, `Read ${log}`);
}

/** Pid of the engine that a lab run started, if it still is that process: ids are used again. */
function startedByUs(): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(record(), "utf8")) as { pid: number; started: string };
    return started !== undefined && startTime(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}
