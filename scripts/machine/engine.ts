import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { $ } from "zx";
import { Failure } from "../terminal/report.ts";

export interface EngineInfo {
  /** Address, e.g. `unix:///var/run/docker.sock`. */
  host: string;
  /** Name of the docker context it came from; empty when a setting or DOCKER_HOST named it. */
  context: string;
  version: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  cgroup: string;
  /** Whether it enforces memory and cpu limits. */
  limits: boolean;
  /** Where it keeps images and volumes. */
  folder: string;
}

export type Engine =
  | { state: "answers"; info: EngineInfo }
  | { state: "dead"; host: string; why: string; mend: string }
  | { state: "absent" };

/** Looks for a container engine: the `engineHost` setting, DOCKER_HOST, then the current docker context. */
export async function findEngine(engineHost = ""): Promise<Engine> {
  if (!onPath("docker")) return existsSync(SOCKET) && engineHost === "" ? noClient() : { state: "absent" };
  const { host, context } = await address(engineHost);
  const { stdout, stderr } = await $({
    quiet: true,
    nothrow: true,
    timeout: "20s",
  })`docker --host ${host} info --format ${"{{json .}}"}`;
  const answer = parse(stdout);
  if (!answer?.ServerVersion) {
    if (engineHost === "" && !installed(host)) return { state: "absent" };
    const why = answer?.ServerErrors?.[0] ?? stderr.trim().split("\n").at(-1) ?? "no answer";
    return {
      state: "dead",
      host,
      why: why.replace(/^errors? pretty printing info$/, "no answer"),
      mend: mendFor(host, why),
    };
  }
  return {
    state: "answers",
    info: {
      host,
      context,
      version: answer.ServerVersion,
      cpus: answer.NCPU,
      memory: answer.MemTotal,
      cgroup: `v${answer.CgroupVersion} ${answer.CgroupDriver}`,
      limits: answer.MemoryLimit && answer.CpuCfsQuota,
      folder: answer.DockerRootDir,
    },
  };
}

/** The engine, or a Failure that says how to get one. */
export async function requireEngine(engineHost = ""): Promise<EngineInfo> {
  const engine = await findEngine(engineHost);
  if (engine.state === "answers") return engine.info;
  if (engine.state === "dead")
    throw new Failure(`the container engine at ${engine.host} does not answer: ${engine.why}`, engine.mend);
  throw new Failure(
    "no container engine is installed, and this stack's target is docker",
    "Install one: https://docs.docker.com/get-docker/\nOr run the stores in your own process: npm run up -- --target embedded",
  );
}

interface DockerInfo {
  ServerVersion?: string;
  ServerErrors?: string[];
  NCPU: number;
  MemTotal: number;
  CgroupVersion: string;
  CgroupDriver: string;
  MemoryLimit: boolean;
  CpuCfsQuota: boolean;
  DockerRootDir: string;
}

function parse(text: string): DockerInfo | undefined {
  try {
    return JSON.parse(text) as DockerInfo;
  } catch {
    return undefined;
  }
}

const SOCKET = "/var/run/docker.sock";

async function address(engineHost: string): Promise<{ host: string; context: string }> {
  if (engineHost !== "") return { host: engineHost, context: "" };
  if (process.env.DOCKER_HOST) return { host: process.env.DOCKER_HOST, context: "" };
  const { stdout } = await $({
    quiet: true,
    nothrow: true,
  })`docker context inspect --format ${"{{.Name}} {{.Endpoints.docker.Host}}"}`;
  const [context = "default", host = `unix://${SOCKET}`] = stdout.trim().split(" ");
  return { host, context };
}

/** A client alone is not an engine; on macOS and Windows it only ever comes with one. */
function installed(host: string): boolean {
  if (process.platform !== "linux" || process.env.DOCKER_HOST) return true;
  if (host !== `unix://${SOCKET}` || existsSync(SOCKET)) return true;
  return (
    onPath("dockerd") ||
    ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd", join(homedir(), ".docker", "desktop")].some(
      (path) => existsSync(path),
    )
  );
}

const onPath = (program: string) =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .some((folder) => existsSync(join(folder, program)) || existsSync(join(folder, `${program}.exe`)));

const noClient = (): Engine => ({
  state: "dead",
  host: `unix://${SOCKET}`,
  why: "the docker command is not installed",
  mend: "Install the Docker CLI: https://docs.docker.com/engine/install/",
});

function mendFor(host: string, why: string): string {
  if (/permission denied/i.test(why)) return "Let your user use it: sudo usermod -aG docker $USER   Then log in again.";
  if (!host.startsWith("unix:") && !host.startsWith("npipe:"))
    return `Check that ${host} is reachable, or set agent-stores:engineHost.`;
  if (process.platform === "darwin") return "Start it: open -a Docker   (or: colima start)";
  if (process.platform === "win32") return "Start Docker Desktop.";
  return "Start it: sudo systemctl start docker\nOr run the stores in your own process: npm run up -- --target embedded";
}
