import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot, keyOf, makeFolder, withLock } from "./cache.ts";
import { LabError, must, run } from "./exec.ts";
import {
  ensureProgram,
  goProgram,
  logOf,
  mavenPackages,
  npmBundle,
  type Program,
  pipPackages,
  programPath,
  type Report,
} from "./programs.ts";
import type { Ground } from "./proof.ts";

const FOLDER = join(import.meta.dirname, "images");

/**
 * Builds what is missing of the lab's images, one folder under `images/` each, and answers product → tag. A tag is
 * `agent-stores-lab/<folder>:<12 hex of its files, its programs and its parent's tag>`, so an image is built once per
 * content. Folders named `base…` are layers for others and no products.
 *
 * @param report is told each program and image that had to be made, with its seconds.
 */
export async function ensureImages(report: Report = () => {}): Promise<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (const name of readdirSync(FOLDER).sort()) {
    const tag = await ensureImage(name, report);
    if (!name.startsWith("base")) tags[name] = tag;
  }
  return tags;
}

/** The tag that `ensureImage(name)` would build, without an engine. */
export function imageTag(name: string): string {
  const folder = join(FOLDER, name);
  if (!existsSync(folder)) {
    const known = readdirSync(FOLDER).join(", ");
    throw new LabError(
      `The lab has no image "${name}".`,
      `Known are: ${known}. An image is a folder in test/lab/images/.`,
    );
  }
  const parent = parentOf(name);
  const programs = programsOf(name).map(({ key }) => key);
  return `agent-stores-lab/${name}:${keyOf({ folder }, parent ? imageTag(parent) : "", ...programs)}`;
}

/** The programs that go into all of the images. */
export const imagePrograms = (): Program[] => readdirSync(FOLDER).flatMap(programsOf);

/** Builds one of them, and its parent, where it is missing. */
export async function ensureImage(name: string, report: Report): Promise<string> {
  const tag = imageTag(name);
  if (await isThere(tag)) return tag;
  const parent = parentOf(name);
  const parentTag = parent && (await ensureImage(parent, report));
  for (const program of programsOf(name)) await ensureProgram(program, report);
  await withLock(`image-${name}`, async () => {
    if (await isThere(tag)) return;
    const started = performance.now();
    const log = logOf(`image-${name}`);
    if (parentTag) await build(name, tag, parentTag, log);
    else await importBase(name, tag, log);
    report(`image ${name}`, (performance.now() - started) / 1000);
  });
  return tag;
}

/** By the image's own label: whether it is the product or stands in for it. */
export async function groundOf(tag: string): Promise<Ground> {
  const format = '{{index .Config.Labels "agent-stores.lab.kind"}}';
  const kind = (await must("docker", ["image", "inspect", "--format", format, tag])).stdout.trim();
  if (kind === "own build of the product" || kind === "stand-in") return kind;
  throw new LabError(
    `${tag} does not say what it is.`,
    'Its Dockerfile needs LABEL agent-stores.lab.kind="own build of the product", or "stand-in".',
  );
}

/** Whether the lab can make this product's server. */
export const hasImage = (product: string): boolean => existsSync(join(FOLDER, product));

async function isThere(tag: string): Promise<boolean> {
  return (await run("docker", ["image", "inspect", "--format", "{{.Id}}", tag])).code === 0;
}

/** A Dockerfile names its parent by folder, as the default of `ARG BASE`; a folder without a Dockerfile is a root. */
function parentOf(name: string): string | undefined {
  const dockerfile = join(FOLDER, name, "Dockerfile");
  if (!existsSync(dockerfile)) return undefined;
  const parent = /^ARG BASE=(\S+)$/m.exec(readFileSync(dockerfile, "utf8"))?.[1];
  if (!parent)
    throw new LabError(
      `${dockerfile} names no parent.`,
      "Begin it with a line ARG BASE=base, and take FROM from that argument.",
    );
  return parent;
}

const KINDS: Record<string, (name: string) => Program> = {
  go: goProgram,
  maven: mavenPackages,
  npm: npmBundle,
  pip: pipPackages,
};
/** A Dockerfile that copies `go/<name>`, `maven/<name>`, `npm/<name>` or `pip/<name>` gets the program of that name there. */
const COPIED = new RegExp(`^COPY (${Object.keys(KINDS).join("|")})/(\\S+) `, "gm");

function programsOf(name: string): (Program & { kind: string })[] {
  const dockerfile = join(FOLDER, name, "Dockerfile");
  const text = existsSync(dockerfile) ? readFileSync(dockerfile, "utf8") : "";
  return [...text.matchAll(COPIED)].flatMap(([, kind = "", program = ""]) => {
    const make = KINDS[kind];
    return make ? [{ kind, ...make(program) }] : [];
  });
}

async function build(name: string, tag: string, parentTag: string, log: string): Promise<void> {
  // The image's lock is held, so nobody else uses this folder.
  const context = join(makeFolder(join(cacheRoot(), "contexts")), name);
  rmSync(context, { recursive: true, force: true });
  cpSync(join(FOLDER, name), context, { recursive: true });
  for (const program of programsOf(name))
    cpSync(programPath(program), join(context, program.kind, program.name), { recursive: true });
  // The host's network: packages are fetched the way this machine fetches them. The legacy builder, because an engine
  // from Debian's packages has no other.
  const env = { ...process.env, DOCKER_BUILDKIT: "0" };
  const args = ["--network", "host", "--build-arg", `BASE=${parentTag}`, "--force-rm", "--tag", tag];
  await must("docker", ["build", ...args, context], { env, log });
  rmSync(context, { recursive: true });
}

/** Debian's minimal system, kept as a tar beside the engine's own store, which may be emptied at any time. */
async function importBase(name: string, tag: string, log: string): Promise<void> {
  const folder = makeFolder(join(cacheRoot(), "images"));
  const tar = join(folder, `${tag.replaceAll(/[/:]/g, "-")}.tar`);
  if (!existsSync(tar)) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const mend = process.getuid?.() === 0 ? `Read ${log}` : "Prepare the lab once as root: node test/lab/lab.ts";
    await must("sh", [join(FOLDER, name, "make.sh"), `${tar}.new`], { env, log, mend });
    renameSync(`${tar}.new`, tar);
  }
  const label = "agent-stores.lab.what=Debian forky, minimal, from the mirror that apt is configured with";
  await must("docker", ["import", "--change", `LABEL ${quoted(label)}`, tar, tag], { log });
}

function quoted(label: string): string {
  return label.replace(/=(.*)$/, '="$1"');
}

/** Removes images and tars of other contents than this checkout's, as far as no container uses them. */
export async function pruneImages(): Promise<string[]> {
  const current = new Set(readdirSync(FOLDER).map(imageTag));
  const listed = await must("docker", ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "agent-stores-lab/*"]);
  const old = listed.stdout.split("\n").filter((tag) => tag && !current.has(tag));
  const removed: string[] = [];
  for (const tag of old) if ((await run("docker", ["image", "rm", tag])).code === 0) removed.push(tag);
  const tars = join(cacheRoot(), "images");
  const kept = new Set([...current].map((tag) => `${tag.replaceAll(/[/:]/g, "-")}.tar`));
  for (const file of existsSync(tars) ? readdirSync(tars) : []) {
    if (kept.has(file)) continue;
    rmSync(join(tars, file));
    removed.push(file);
  }
  return removed;
}
