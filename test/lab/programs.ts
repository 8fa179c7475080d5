import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot, keyOf, makeFolder, withLock } from "./cache.ts";
import { LabError, must, run } from "./exec.ts";

const GO = join(import.meta.dirname, "go");
const MAVEN = join(import.meta.dirname, "maven");
const NPM = join(import.meta.dirname, "npm");
const PIP = join(import.meta.dirname, "pip");
/** Downloaded modules are read once per build: above this they are not worth their disk. */
const MODULES_MB = 2048;

/** Is told each thing that had to be made, with its seconds. */
export type Report = (name: string, seconds: number) => void;

/** A file or folder that the lab makes once per key and keeps in its cache. */
export interface Program {
  name: string;
  /** Of everything that goes into it. */
  key: string;
  /** Writes the program to this path. */
  make(path: string): Promise<void>;
}

/**
 * A program from the Go module `go/<name>/`, whose go.sum pins everything that goes into it. Its go.mod names the
 * package in a `tool` line; without one it is the module's own.
 *
 * @param set is `variable=value` for the linker: a program from a module proxy does not know its own version.
 */
export function goProgram(name: string, set = ""): Program {
  const folder = join(GO, name);
  if (!existsSync(join(folder, "go.mod")))
    throw new LabError(`The lab has no program "${name}".`, `A program is a Go module in test/lab/go/${name}/.`);
  const target = /^tool (\S+)$/m.exec(readFileSync(join(folder, "go.mod"), "utf8"))?.[1] ?? ".";
  const make = (path: string) =>
    // One at a time: linking takes gigabytes.
    withLock("go", async () => {
      const env = await goEnvironment();
      const flags = ["-trimpath", "-ldflags", set ? `-s -w -X ${set}` : "-s -w", "-o", path];
      await must("go", ["build", ...flags, target], { cwd: folder, env, log: logOf(name) });
      await pruneModules();
    });
  return { name, key: keyOf({ folder }, target, set), make };
}

/**
 * The Python packages of `pip/<name>/requirements.txt`, as a folder for PYTHONPATH: wheels alone, each with its hash. They are for the images' system, whatever the machine's own Python is.
 */
export function pipPackages(name: string): Program {
  const folder = join(PIP, name);
  const make = async (path: string) => {
    const python = (await run("python3", ["-m", "pip", "--version"])).code === 0;
    if (!python)
      throw new LabError(
        "Python's pip is not installed, and the lab takes packages with it.",
        "apt-get install python3-pip",
      );
    const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
    const wheels = [
      "--only-binary=:all:",
      "--no-deps",
      "--python-version",
      "3.13",
      // The older name beside: pip does not know that one system takes what another does.
      ...["manylinux_2_28", "manylinux2014"].flatMap((system) => ["--platform", `${system}_${machine}`]),
    ];
    const args = [
      "install",
      "--quiet",
      "--require-hashes",
      ...wheels,
      "--target",
      path,
      "-r",
      join(folder, "requirements.txt"),
    ];
    await must("python3", ["-m", "pip", ...args], { log: logOf(name) });
  };
  return { name, key: keyOf({ folder }, process.arch), make };
}

/**
 * The Java packages that `maven/<name>/pom.xml` depends on, as a folder of jars: those that SHA256SUMS lists, each with its hash, and no others.
 */
export function mavenPackages(name: string): Program {
  const folder = join(MAVEN, name);
  const make = async (path: string) => {
    if ((await run("mvn", ["--version"])).code !== 0)
      throw new LabError("Maven is not installed, and the lab takes Java packages with it.", "apt-get install maven");
    const log = logOf(name);
    const repository = makeFolder(join(cacheRoot(), "maven"));
    const flags = ["-B", "-q", "-C", "-f", join(folder, "pom.xml"), `-Dmaven.repo.local=${repository}`];
    await must("mvn", [...flags, "dependency:copy-dependencies", `-DoutputDirectory=${path}`], { log });
    rmSync(repository, { recursive: true });
    const sums = readFileSync(join(folder, "SHA256SUMS"), "utf8");
    const listed = [...sums.matchAll(/^\S+ [ *](\S+)$/gm)].map(([, file]) => file);
    const unknown = readdirSync(path).filter((file) => !listed.includes(file));
    if (unknown.length > 0)
      throw new LabError(`${name} brings what SHA256SUMS does not list: ${unknown.join(", ")}.`, `See ${folder}`);
    await must("sha256sum", ["--check", "--strict", "--quiet", join(folder, "SHA256SUMS")], { cwd: path, log });
  };
  return { name, key: keyOf({ folder }), make };
}

/**
 * A server out of the packages of `npm/<name>/package-lock.json`, each with its hash: one file, which their script `bundle` makes, and the Node that runs it.
 */
export function npmBundle(name: string): Program {
  const folder = join(NPM, name);
  const make = async (path: string) => {
    const log = logOf(name);
    const work = `${path}.packages`;
    cpSync(folder, work, { recursive: true });
    await must("npm", ["ci", "--ignore-scripts"], { cwd: work, log });
    await must("npm", ["run", "bundle", "--", `--outfile=${join(path, `${name}.js`)}`], { cwd: work, log });
    rmSync(work, { recursive: true });
    cpSync(process.execPath, join(path, "node"));
  };
  return { name, key: keyOf({ folder }, process.version, process.arch), make };
}

export function programPath({ name, key }: Program): string {
  return join(cacheRoot(), "tools", `${name}-${key}`);
}

/** Makes the program unless the cache has it, and answers where it is. */
export async function ensureProgram(program: Program, report: Report): Promise<string> {
  const path = programPath(program);
  if (existsSync(path)) return path;
  await withLock(`program-${program.name}`, async () => {
    if (existsSync(path)) return;
    const started = performance.now();
    const part = `${path}.${process.pid}.part`; // a killed run may have left a builder behind
    makeFolder(join(cacheRoot(), "tools"));
    await program.make(part);
    chmodSync(part, 0o755);
    renameSync(part, path);
    report(program.name, (performance.now() - started) / 1000);
  });
  return path;
}

/** Removes programs of other contents than these, and names them. */
export function prunePrograms(current: readonly Program[]): string[] {
  const folder = join(cacheRoot(), "tools");
  const kept = new Set(current.map(programPath));
  const made = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const old = made.filter((path) => !kept.has(path));
  for (const path of old) rmSync(path, { recursive: true });
  return old;
}

/** A new log for one build. */
export function logOf(name: string): string {
  const log = join(makeFolder(join(cacheRoot(), "logs")), `${name}.log`);
  rmSync(log, { force: true });
  return log;
}

async function goEnvironment(): Promise<NodeJS.ProcessEnv> {
  const asked = await run("go", ["env", "GOPROXY"]);
  if (asked.code !== 0) {
    throw new LabError("Go is not installed, and the lab builds programs from source.", "Install Go 1.25.11 or later.");
  }
  return {
    ...process.env,
    // Modules come from the proxy that this machine configures, and from nowhere else.
    GOPROXY: asked.stdout.trim().replace(/[,|]direct$/, ""),
    GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
    GOMODCACHE: makeFolder(join(cacheRoot(), "go", "mod")),
    GOCACHE: makeFolder(join(cacheRoot(), "go", "build")),
    CGO_ENABLED: "0",
  };
}

/** The build cache stays: with it, a changed source costs its own package and a link. */
async function pruneModules(): Promise<void> {
  const folder = join(cacheRoot(), "go", "mod");
  const { stdout } = await must("du", ["-sm", folder]);
  if (Number.parseInt(stdout, 10) > MODULES_MB) rmSync(folder, { recursive: true });
}
