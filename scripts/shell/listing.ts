import { createReadStream, createWriteStream, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ArtifactAdapter, ArtifactInfo } from "../../adapters/artifact/contract.ts";
import { Failure, size, tableLines } from "../terminal/report.ts";
import { bucketsOf } from "./buckets.ts";

/** What a command works on. */
export interface Listing {
  /** For one tenant at a time, and across tenants. */
  store: ArtifactAdapter;
  across: ArtifactAdapter;
  url: string;
  write(text: string): unknown;
}

export interface WordsOf {
  /** Letters of the options that were given. */
  options: readonly string[];
  rest: readonly string[];
}

type Item = Pick<ArtifactInfo, "path" | "size" | "modifiedAt">;

interface ListingCommand {
  takes: string;
  does: string;
  options?: string;
  /** Words at least and at most, without options. */
  count: readonly [number, number];
  run(listing: Listing, words: WordsOf): Promise<void>;
}

/** `acme/reports/q1.pdf` in two; without a path, all of the tenant. */
export function splitKey(key: string): { tenant: string; path: string } {
  const [, tenant = "", path = ""] = /^\/?([^/]+)\/?(.*)$/s.exec(key) ?? [];
  return { tenant, path };
}

/** The next level below `prefix`, which ends with `/` or is empty: folders with what is in them, and files. */
export function oneLevel(
  items: readonly Item[],
  prefix: string,
): { folders: Map<string, { files: number; size: number }>; files: Item[] } {
  const folders = new Map<string, { files: number; size: number }>();
  const files: Item[] = [];
  for (const item of items) {
    const cut = item.path.indexOf("/", prefix.length);
    if (cut < 0) {
      files.push(item);
      continue;
    }
    const name = item.path.slice(0, cut + 1);
    const folder = folders.get(name) ?? { files: 0, size: 0 };
    folders.set(name, { files: folder.files + 1, size: folder.size + item.size });
  }
  return { folders, files };
}

export const COMMANDS: Readonly<Record<string, ListingCommand>> = {
  ls: {
    takes: "[-r] [tenant[/prefix]]",
    does: "tenants, or what is below a prefix; -r with everything in folders",
    options: "r",
    count: [0, 1],
    run: list,
  },
  cat: { takes: "<tenant/path>", does: "the content", count: [1, 1], run: cat },
  stat: { takes: "<tenant/path>", does: "size, hash, type, run and metadata", count: [1, 1], run: stat },
  get: { takes: "<tenant/path> [file]", does: "writes the content to a file here", count: [1, 2], run: get },
  put: { takes: "<file> <tenant/path>", does: "stores a file of this machine", count: [2, 2], run: put },
  rm: { takes: "<tenant/path>", does: "removes one artifact", count: [1, 1], run: remove },
  du: { takes: "[tenant[/prefix]]", does: "how many there are, and their bytes", count: [0, 1], run: usage },
  buckets: { takes: "", does: "buckets of the server that the account may see", count: [0, 0], run: buckets },
};

export function helpText(): string {
  const lines = Object.entries(COMMANDS).map(([name, { takes, does }]) => `  ${`${name} ${takes}`.padEnd(30)}${does}`);
  return `${[...lines, `  ${"exit".padEnd(30)}leave`].join("\n")}\n`;
}

const writeTable = ({ write }: Listing, heading: string[], rows: string[][]) =>
  write(`${tableLines(heading, rows).join("\n")}\n`);

async function list(listing: Listing, { options, rest: [key] }: WordsOf): Promise<void> {
  if (key === undefined) return tenants(listing);
  const { tenant, path } = splitKey(key);
  const whole = options.includes("r");
  const items: Item[] = [];
  for await (const one of listing.store.tenant(tenant).list({ prefix: path })) items.push(one);
  // `ls acme/reports` means the folder where there is one.
  const base =
    path === "" || path.endsWith("/") || !items.some((one) => one.path.startsWith(`${path}/`)) ? path : `${path}/`;
  const prefix = base.slice(0, base.lastIndexOf("/") + 1);
  const { folders, files } = whole
    ? { folders: new Map<string, never>(), files: items }
    : oneLevel(
        items.filter((one) => one.path.startsWith(base)),
        prefix,
      );
  const rows = [
    ...[...folders].map(([name, one]) => [size(one.size), `${one.files} in it`, `${tenant}/${name}`]),
    ...files.map((one) => [size(one.size), one.modifiedAt.toISOString().slice(0, 19), `${tenant}/${one.path}`]),
  ];
  if (rows.length === 0) throw new Failure(`there is nothing at ${key}`, "Type: ls");
  writeTable(listing, ["bytes", "changed (UTC)", "artifact"], rows);
}

async function tenants(listing: Listing): Promise<void> {
  const all = await listing.across.fleet.tenants();
  if (all.length === 0) return void listing.write("(no artifacts)\n");
  const rows = all.map(({ tenant, artifacts, bytes }) => [`${tenant}/`, String(artifacts), size(bytes)]);
  writeTable(listing, ["tenant", "artifacts", "bytes"], rows);
}

async function found({ store }: Listing, key: string) {
  const { tenant, path } = splitKey(key);
  const artifact = await store.tenant(tenant).get(path);
  if (artifact) return artifact;
  throw new Failure(`there is no artifact ${key}`, `Type: ls ${tenant}`);
}

async function cat(listing: Listing, { rest: [key = ""] }: WordsOf): Promise<void> {
  const { body } = await found(listing, key);
  await pipeline(Readable.fromWeb(body as never), process.stdout, { end: false });
}

async function stat(listing: Listing, { rest: [key = ""] }: WordsOf): Promise<void> {
  const { tenant, path } = splitKey(key);
  const info = await listing.store.tenant(tenant).stat(path);
  if (!info) throw new Failure(`there is no artifact ${key}`, `Type: ls ${tenant}`);
  const lines = Object.entries({
    bytes: String(info.size),
    sha256: info.sha256 ?? "not known: it came by a presigned URL, or its put was cut short",
    type: info.contentType,
    run: info.run ?? "none",
    changed: info.modifiedAt.toISOString(),
    metadata: JSON.stringify(info.metadata),
  });
  listing.write(lines.map(([name, text]) => `  ${name.padEnd(10)}${text}\n`).join(""));
}

async function get(listing: Listing, { rest: [key = "", file = basename(key)] }: WordsOf): Promise<void> {
  const { body, size: bytes } = await found(listing, key);
  try {
    // A file that is there already stays as it is.
    await pipeline(Readable.fromWeb(body as never), createWriteStream(file, { flags: "wx" }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new Failure(`${file} is there already`, `Type: get ${key} <another file>`);
    rmSync(file, { force: true });
    throw error;
  }
  listing.write(`${file}   ${size(bytes)}\n`);
}

async function put(listing: Listing, { rest: [file = "", key = ""] }: WordsOf): Promise<void> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new Failure(`${file} is no file here`, "Name a file of this machine.");
  const { tenant, path } = splitKey(key);
  const target = path === "" || path.endsWith("/") ? `${path}${basename(file)}` : path;
  const info: ArtifactInfo = await listing.store.tenant(tenant).put(target, createReadStream(file));
  listing.write(`${tenant}/${info.path}   ${size(info.size)}   sha256 ${info.sha256}\n`);
}

async function remove(listing: Listing, { rest: [key = ""] }: WordsOf): Promise<void> {
  const { tenant, path } = splitKey(key);
  if (!(await listing.store.tenant(tenant).delete(path)))
    throw new Failure(`there is no artifact ${key}`, `Type: ls ${tenant}`);
  listing.write(`removed ${key}\n`);
}

async function usage(listing: Listing, { rest: [key] }: WordsOf): Promise<void> {
  if (key === undefined) return tenants(listing);
  const { tenant, path } = splitKey(key);
  let [artifacts, bytes] = [0, 0];
  for await (const one of listing.store.tenant(tenant).list({ prefix: path })) {
    artifacts++;
    bytes += one.size;
  }
  listing.write(`${artifacts} artifacts   ${size(bytes)}   ${key}\n`);
}

async function buckets({ url, write }: Listing): Promise<void> {
  write(`${(await bucketsOf(url)).join("\n")}\n`);
}
