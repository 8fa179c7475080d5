import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { type Fleet, type Manifest, openFleet } from "../../adapters/index.ts";
import { readManifest } from "../../adapters/snapshot/read.ts";
import { root } from "../../stacks/place.ts";
import { envFiles, readOurs } from "../stack/dotenv.ts";
import { knownPlan } from "../stack/file.ts";
import { requireReachable } from "../stack/servers.ts";
import { count, Failure } from "../terminal/report.ts";

/** Words that the command takes for something else. */
const TAKEN = ["list", "verify"];

const folderOf = (stack: string) => join(root, ".snapshots", stack);

/** Where a stack's snapshot of this name lies, or is to lie. */
export function snapshotFolder(stack: string, name = ""): string {
  const mend = "Use 1 to 63 of a-z, 0-9, dots and dashes, not starting with a dot or dash.";
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name))
    throw new Failure(`${JSON.stringify(name)} is no snapshot's name`, mend);
  if (TAKEN.includes(name)) throw new Failure(`no snapshot can be named ${name}`, "Give another name.");
  return join(folderOf(stack), name);
}

/** The same, of one that is there. */
export function knownSnapshot(stack: string, name?: string): string {
  const folder = snapshotFolder(stack, name);
  if (existsSync(folder)) return folder;
  const others = snapshotNames(stack);
  const mend = others.length > 0 ? `There are: ${others.join(", ")}` : "Make one: npm run snapshot -- nightly";
  throw new Failure(`there is no snapshot ${name}`, mend);
}

/** The names of a stack's snapshots, in order. */
export const snapshotNames = (stack: string): string[] =>
  existsSync(folderOf(stack))
    ? readdirSync(folderOf(stack))
        .filter((name) => !name.startsWith("."))
        .sort()
    : [];

/** What a snapshot says of itself, or what is wrong with that. */
export async function glance(stack: string, name: string): Promise<Manifest | string> {
  return readManifest(join(folderOf(stack), name)).catch((error: Error) => error.message);
}

/** How a path is typed from here. */
export const typed = (path: string) => relative(process.cwd(), path) || ".";

/** Opens the fleet of a stack that is up. */
export async function fleetOf(stack: string): Promise<Fleet> {
  await requireReachable(knownPlan(stack).plan);
  const variables = readOurs(envFiles(stack).admin);
  if (Object.keys(variables).length === 0) throw new Failure(".env.admin is not written", "Type: npm run env");
  return openFleet(variables);
}

/** Kinds of records in words: `3 chunks, 1 document`. */
export const countsText = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([kind, n]) => `${n.toLocaleString("en")} ${count(n, kind).split(" ").slice(1).join(" ")}`)
    .join(", ") || "nothing";

export const recordsOf = ({ roles }: Manifest): number =>
  Object.values(roles).reduce((sum, { counts }) => sum + Object.values(counts).reduce((all, n) => all + n, 0), 0);

/** Bytes on the disk, but for the manifest's own. */
export const bytesOf = ({ roles, blobs }: Manifest): number =>
  Object.values(roles).reduce((sum, { bytes }) => sum + bytes, blobs.bytes + blobs.contents);
