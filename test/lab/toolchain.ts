import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot, keyOf, makeFolder, withLock } from "./cache.ts";
import { LabError, must, run } from "./exec.ts";
import { imageTag } from "./images.ts";
import { ensureProgram, goProgram, logOf, type Program, programPath, type Report } from "./programs.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const GO = join(import.meta.dirname, "go");

/** The Kubernetes provider is the project's own, out of the checkout whose program Pulumi runs. */
const STAND_IN = "#!/bin/sh\nexec node ../test/lab/provider/main.ts\n";

/** The programs of the toolchain, each with the version that package.json names. */
export function toolchainPrograms(): Program[] {
  const cli = `v${npmVersion("@pulumi/pulumi")}`;
  const version = `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${cli}`;
  if (!readFileSync(join(GO, "pulumi", "go.mod"), "utf8").includes(`pulumi/pkg/v3 ${cli}`)) {
    throw new LabError(
      `package.json has @pulumi/pulumi ${cli}, test/lab/go/pulumi/go.mod another version.`,
      `In test/lab/go/pulumi run: go get github.com/pulumi/pulumi/pkg/v3@${cli} && go mod tidy`,
    );
  }
  return [
    goProgram("pulumi", version),
    goProgram("pulumi-language-nodejs", version),
    goProgram("pulumi-resource-docker", `main.version=v${npmVersion("@pulumi/docker")}`),
    { name: "pulumi-resource-kubernetes", key: keyOf(STAND_IN), make: async (path) => writeFileSync(path, STAND_IN) },
    { name: "docker-compose", key: keyOf(imageTag("base")), make: takeCompose },
  ];
}

/** The version that package.json names, without a prefix. */
export function npmVersion(name: string): string {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const version = { ...dependencies, ...devDependencies }[name];
  if (!version) throw new LabError(`package.json names no ${name}.`, `Run: npm install --save-dev ${name}`);
  return version;
}

/**
 * Folder with `pulumi`, its Node language host and Docker provider, and `docker-compose`, readable by every user. Each is
 * made once per content, from sources or a package; making them needs Go, an engine and the base image.
 *
 * @param report is told each program that had to be made, with its seconds.
 */
export async function ensureToolchain(report: Report = () => {}): Promise<string> {
  const wanted = toolchainPrograms();
  const folder = folderOf(wanted);
  const bin = join(folder, "bin");
  if (existsSync(bin)) return bin;
  await withLock("toolchain", async () => {
    if (existsSync(bin)) return;
    for (const program of wanted) await ensureProgram(program, report);
    assemble(folder, wanted);
  });
  return bin;
}

function folderOf(wanted: Program[]): string {
  return join(cacheRoot(), `toolchain-${keyOf(...wanted.map((program) => `${program.name}-${program.key}`))}`);
}

/** Hard links, so that each program is on disk once; the rename makes the folder appear whole or not at all. */
function assemble(folder: string, wanted: Program[]): void {
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(join(part, "bin"), { recursive: true });
  for (const program of wanted) linkSync(programPath(program), join(part, "bin", program.name));
  renameSync(part, folder);
}

/** Debian's docker-compose is one static file, which runs here as well as in the release that packages it. */
async function takeCompose(path: string): Promise<void> {
  const folder = `${path}.d`;
  makeFolder(folder);
  const script = `cd /tmp && apt-get update -q && apt-get download -q docker-compose && dpkg-deb -x docker-compose_*.deb .
    install -o ${process.getuid?.()} -g ${process.getgid?.()} usr/libexec/docker/cli-plugins/docker-compose /out/`;
  const args = [
    "run",
    "--rm",
    "--network",
    "host",
    "--volume",
    `${folder}:/out`,
    imageTag("base"),
    "sh",
    "-ec",
    script,
  ];
  await must("docker", args, { log: logOf("docker-compose") });
  renameSync(join(folder, "docker-compose"), path);
  rmSync(folder, { recursive: true });
}

/**
 * Makes `docker compose` work for every user of this machine, unless it does already. Only root can: what an ordinary
 * user has is `docker-compose` on the toolchain's PATH, or a link in their own ~/.docker/cli-plugins.
 */
export async function linkCompose(bin: string): Promise<void> {
  if (process.getuid?.() !== 0 || (await run("docker", ["compose", "version"])).code === 0) return;
  const folder = "/usr/local/lib/docker/cli-plugins";
  mkdirSync(folder, { recursive: true });
  await must("ln", ["-sfn", join(bin, "docker-compose"), join(folder, "docker-compose")]);
}

/** Removes toolchains of other contents than this checkout's, and names them. */
export function pruneToolchain(): string[] {
  const current = folderOf(toolchainPrograms());
  const all = readdirSync(cacheRoot()).filter((name) => name.startsWith("toolchain-"));
  const old = all.map((name) => join(cacheRoot(), name)).filter((path) => path !== current);
  for (const path of old) rmSync(path, { recursive: true });
  return old;
}
