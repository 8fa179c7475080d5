import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabError, must, run } from "./exec.ts";
import { endProcessesIn, startTime } from "./process.ts";

const LABEL = "agent-stores.stack";

interface Found {
  kind: "container" | "volume" | "network";
  name: string;
  stack: string;
}

/** Everything on the engine that carries a stack's label, containers first: that is the order in which it can go. */
async function everythingLabelled(): Promise<Found[]> {
  const list = async (kind: Found["kind"], words: string[], name: string): Promise<Found[]> => {
    const format = `{{.${name}}} {{.Label "${LABEL}"}}`;
    const { stdout } = await must("docker", [...words, "--filter", `label=${LABEL}`, "--format", format]);
    const lines = stdout.trim().split("\n").filter(Boolean);
    return lines.map((line) => ({ kind, name: line.split(" ")[0] ?? "", stack: line.split(" ")[1] ?? "" }));
  };
  return [
    ...(await list("container", ["ps", "--all"], "Names")),
    ...(await list("volume", ["volume", "ls"], "Name")),
    ...(await list("network", ["network", "ls"], "Name")),
  ];
}

const removal = ({ kind, name }: Found) => `docker ${kind} rm ${kind === "network" ? "" : "--force "}${name}`;

/**
 * Names on an engine come from the stack alone, so a test would take a developer's `local` for its own and delete its
 * data. Looked at once, before the first test.
 *
 * @throws LabError with the commands that remove what is there.
 */
export async function refuseForeignStacks(): Promise<void> {
  const found = await everythingLabelled();
  if (found.length > 0) {
    const stacks = [...new Set(found.map(({ stack }) => stack))].join(", ");
    throw new LabError(
      `The engine holds stacks already (${stacks}), and the lab's tests delete stacks of such names with their data.`,
      `If they are yours: npm run reset -- --stack <name>. If an interrupted lab run left them:\n${found.map(removal).join("\n")}`,
    );
  }
}

/** Names of the stacks that a clone has made, by their settings and their state. */
function stacksOf(folder: string): string[] {
  const names = (path: string, pattern: RegExp) =>
    existsSync(path)
      ? readdirSync(path, { recursive: true }).flatMap((file) => pattern.exec(`${file}`)?.[1] ?? [])
      : [];
  return [
    ...new Set([
      ...names(join(folder, "stacks"), /^Pulumi\.([^.]+)\.yaml$/),
      ...names(join(folder, ".state", ".pulumi", "stacks"), /([^/]+)\.json$/),
    ]),
  ];
}

/** Removes containers, volumes and networks of these stacks, unless they are older than the clone that asks. */
async function removeStacks(stacks: string[], since: Date): Promise<void> {
  const wanted = new Set(stacks);
  for (const found of (await everythingLabelled()).filter(({ stack }) => wanted.has(stack))) {
    const { kind, name } = found;
    const format = kind === "volume" ? "{{.CreatedAt}}" : "{{json .Created}}";
    const created = await run("docker", [kind, "inspect", "--format", format, name]);
    // Volumes know whole seconds alone.
    const older = Date.parse(created.stdout.trim().replaceAll('"', "")) < Math.floor(since.getTime() / 1000) * 1000;
    if (created.code === 0 && !older)
      await run("docker", [kind, "rm", ...(kind === "network" ? [] : ["--force"]), name]);
  }
}

/** Folder of a clone that the lab makes, below the temporary one; `maker` says which process did. */
const CLONE = "agent-stores-lab-";
const maker = (temporary: string) => join(temporary, "maker.json");

/** A folder for a clone, marked as this process's for as long as it lives. */
export function makeCloneFolder(): string {
  const temporary = mkdtempSync(join(tmpdir(), CLONE));
  writeFileSync(maker(temporary), JSON.stringify({ pid: process.pid, started: startTime(process.pid) }));
  return temporary;
}

/** Deletes a clone, with what runs in it and what its stacks left on the engine. */
export async function removeClone(temporary: string, folder: string): Promise<void> {
  const made = statSync(temporary, { throwIfNoEntry: false })?.birthtime;
  if (!made) return; // by its maker, meanwhile
  endProcessesIn(temporary);
  await removeStacks(stacksOf(folder), made);
  rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
}

/** Deletes the clones of runs that were killed before they could: their stacks hold names and ports that the next run needs. */
export async function removeAbandonedClones(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(CLONE))) {
    const temporary = join(tmpdir(), name);
    if (makerLives(temporary)) continue;
    process.stderr.write(`  removing ${temporary}, which an interrupted run left behind\n`);
    await removeClone(temporary, join(temporary, "agent-stores"));
  }
}

/** Whether the process that made a clone still runs. */
function makerLives(temporary: string): boolean {
  try {
    const { pid, started } = JSON.parse(readFileSync(maker(temporary), "utf8")) as { pid: number; started?: string };
    return startTime(pid) === started;
  } catch {
    return false;
  }
}
