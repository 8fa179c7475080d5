import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { LabError, must, type Ran, type Running, type RunOptions, run, start } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { makeCloneFolder, removeClone } from "./leftovers.ts";
import { pathWithout } from "./path.ts";

const ROOT = join(import.meta.dirname, "..", "..");

export interface CheckoutOptions {
  /** With the packages of this checkout; `false` is a clone as git makes it. @default true */
  installed?: boolean;
  /** Account that owns the clone and runs everything in it, as a member of the engine's group; needs root. @default this one */
  uid?: number;
}

/** A clone of this repository in a folder and home of its own, as a user would have it. */
export interface Checkout {
  folder: string;
  /**
   * Runs a shell command in the clone: the lab's programs first on PATH, a fresh HOME, no terminal, nothing of this
   * process's environment but what reaches networks. Never throws for an exit code.
   */
  run(command: string, options?: Pick<RunOptions, "env" | "input" | "timeout">): Promise<Ran>;
  /** The same, for a command that goes on running. */
  start(command: string, options?: Pick<RunOptions, "env">): Running;
  /** The clone's PATH as if these programs were not installed. */
  pathWithout(programs: string[]): string;
  /** Deletes the clone, with what runs in it and what its stacks left on the engine. */
  remove(): Promise<void>;
}

/**
 * Clones the committed state, with the working files on top where they differ, so that what is tested is what is here.
 */
export async function makeCheckout(lab: Pick<Lab, "bin">, options: CheckoutOptions = {}): Promise<Checkout> {
  const { installed = true, uid } = options;
  const temporary = makeCloneFolder();
  const folder = join(temporary, "agent-stores");
  const home = join(temporary, "home");
  await clone(folder);
  if (installed) await sharePackages(folder);
  mkdirSync(join(temporary, "tmp"));
  mkdirSync(join(home, ".docker", "cli-plugins"), { recursive: true });
  symlinkSync(join(lab.bin, "docker-compose"), join(home, ".docker", "cli-plugins", "docker-compose"));
  // Packages are hard links to this checkout's: their folders change hands, they do not.
  if (uid !== undefined)
    await must("find", [
      temporary,
      "(",
      "-type",
      "d",
      "-o",
      "-links",
      "1",
      ")",
      "-exec",
      "chown",
      "-h",
      `${uid}:${uid}`,
      "{}",
      "+",
    ]);

  const base: NodeJS.ProcessEnv = { ...(await environment()), HOME: home, TMPDIR: join(temporary, "tmp") };
  const path = [
    lab.bin,
    ...(installed ? [join(folder, "node_modules", ".bin")] : []),
    ...machinePath(uid !== undefined),
  ].join(delimiter);
  const as = uid === undefined ? undefined : { uid, gid: uid, groups: [engineGroup(base.DOCKER_HOST)] };
  const given = (extra: RunOptions = {}): RunOptions => ({
    ...extra,
    as,
    cwd: folder,
    env: { ...base, PATH: path, ...extra.env },
  });
  return {
    folder,
    run: (command, extra) => run("sh", ["-c", command], given(extra)),
    start: (command, extra) => start("sh", ["-c", command], given(extra)),
    pathWithout: (programs) => pathWithout(path, programs, join(temporary, "path")),
    remove: () => removeClone(temporary, folder),
  };
}

async function clone(folder: string): Promise<void> {
  await must("git", ["clone", "--quiet", "--no-hardlinks", ROOT, folder]);
  const git = async (...words: string[]) =>
    (await must("git", ["-C", ROOT, ...words])).stdout.split("\0").filter(Boolean);
  const changed = await git("diff", "-z", "--name-only", "--no-renames", "HEAD");
  const added = await git("ls-files", "-z", "--others", "--exclude-standard");
  for (const path of [...changed, ...added]) {
    const [from, to] = [join(ROOT, path), join(folder, path)];
    rmSync(to, { force: true });
    if (!existsSync(from)) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, { verbatimSymlinks: true });
  }
}

/**
 * Hard links cost nothing and packages are never written in place. What is: the files right in node_modules, where
 * commands take notes, are copied; caches stay behind.
 */
async function sharePackages(folder: string): Promise<void> {
  const [from, to] = [join(ROOT, "node_modules"), join(folder, "node_modules")];
  if (!existsSync(from)) throw new LabError("This checkout has no packages to share.", "Run: npm ci");
  mkdirSync(to);
  const entries = readdirSync(from, { withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile()))
    copyFileSync(join(from, entry.name), join(to, entry.name));
  const folders = entries
    .filter(({ name }) => name === ".bin" || !name.startsWith("."))
    .map(({ name }) => join(from, name));
  const linked = await run("cp", ["-al", ...folders, to]);
  if (linked.code !== 0) await must("cp", ["-a", ...folders, to]); // another file system
}

/** What of this process's environment a user's shell would have too: language, and how networks are reached. */
const KEPT =
  /^(LANG|LC_.*|TZ|TERM|SHELL|DEBIAN_FRONTEND|DOCKER_HOST|AGENT_STORES_CACHE|.*_proxy|.*CERT.*|.*CA_BUNDLE)$/i;

async function environment(): Promise<NodeJS.ProcessEnv> {
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name)));
  const registry = (await must("npm", ["config", "get", "registry"], { cwd: "/" })).stdout.trim();
  const context = await run("docker", ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
  const host = context.stdout.trim(); // of the context that this user's own HOME selects
  return {
    ...kept,
    ...(host && host !== "unix:///var/run/docker.sock" && { DOCKER_HOST: host }),
    USER: "lab",
    LOGNAME: "lab",
    npm_config_registry: registry,
  };
}

/** This machine's PATH without what npm put in front of it; for another user, without this one's own programs too. */
function machinePath(another: boolean): string[] {
  const ours = [...(another ? [`${homedir()}/`] : []), `${ROOT}/`];
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((entry) => entry && !entry.includes("/node_modules/") && !ours.some((start) => entry.startsWith(start)));
}

function engineGroup(host = "unix:///var/run/docker.sock"): number {
  const socket = host.replace(/^unix:\/\//, "");
  const { gid } = statSync(socket);
  if (gid !== 0) return gid;
  throw new LabError(
    `${socket} belongs to group root: no ordinary user may use the engine.`,
    "Run: groupadd docker; chgrp docker /var/run/docker.sock",
  );
}
