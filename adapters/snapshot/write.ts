import { existsSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { canonical } from "../canonical.ts";
import { StoreError } from "../errors.ts";
import { checkTenant } from "../input.ts";
import { momentOf } from "../portable.ts";
import type { Portable } from "../role.ts";
import { BlobFolder } from "./blobs.ts";
import { LineWriter } from "./files.ts";
import {
  BLOB_LIST,
  BLOBS,
  FORMAT,
  fileError,
  MANIFEST,
  MAX_MANIFEST,
  type Manifest,
  type RoleFacts,
  sealed,
  VERSION,
} from "./format.ts";

/** A role that can be exported, and the protocol of its store. */
export interface Exported {
  role: string;
  protocol: string;
  fleet: Portable;
}

export interface ExportOptions {
  /** Only this tenant. @default all */
  tenant?: string;
  /** Called now and then with how far it is. */
  progress?: (role: string, records: number) => void;
}

/** Folders that this process is writing to. */
const underWay = new Set<string>();

/**
 * Writes a snapshot of roles into a folder that must not be there yet. It is written beside that name, and gets it when all of it is on the disk: a run that is killed leaves nothing that looks like a
 * snapshot, and what it leaves the next one removes.
 */
export async function writeSnapshot(
  folder: string,
  roles: readonly Exported[],
  { tenant, progress = () => {} }: ExportOptions = {},
): Promise<Manifest> {
  if (tenant !== undefined) checkTenant(tenant);
  const target = resolve(folder);
  refuseTaken(target);
  underWay.add(target);
  const part = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await removeRemains(target);
    await mkdir(join(part, BLOBS), { recursive: true, mode: 0o700 });
    const manifest = await fill(part, roles, tenant, progress);
    await rename(part, target); // over another process's that was faster it fails
    await syncFolder(dirname(target));
    return manifest;
  } catch (error) {
    await rm(part, { recursive: true, force: true }).catch(() => {}); // the first error says more
    throw fileError(error, target);
  } finally {
    underWay.delete(target);
  }
}

function refuseTaken(target: string): void {
  if (!existsSync(target) && !underWay.has(target)) return;
  throw new StoreError("conflict", "snapshot", `${target} is there already.`, "Give another name, or remove it.");
}

/** What runs that were killed left beside this name. */
async function removeRemains(target: string): Promise<void> {
  const start = `.${basename(target)}.`;
  for (const name of await readdir(dirname(target))) {
    const pid = name.startsWith(start) ? /^(\d+)\.part$/.exec(name.slice(start.length))?.[1] : undefined;
    if (pid && (Number(pid) === process.pid || !isAlive(Number(pid))))
      await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function fill(
  part: string,
  roles: readonly Exported[],
  tenant: string | undefined,
  progress: (role: string, records: number) => void,
): Promise<Manifest> {
  const madeAt = momentOf(Date.now());
  const blobs = new BlobFolder(part);
  const tenants = new Set<string>();
  const facts: Manifest["roles"] = {};
  for (const one of roles) facts[one.role] = await writeRole(part, one, { tenant, blobs, tenants, progress });
  const body = {
    format: FORMAT,
    version: VERSION,
    madeAt,
    tenant: tenant ?? null,
    tenants: [...tenants].sort(),
    roles: facts,
    blobs: await listBlobs(part, blobs),
  } as const;
  const manifest = sealed(body);
  const text = canonical(manifest);
  if (Buffer.byteLength(text) > MAX_MANIFEST)
    throw new StoreError(
      "failed",
      "snapshot",
      "There are too many tenants for one snapshot.",
      "Export some at a time.",
    );
  await writeFile(join(part, MANIFEST), text, { flag: "wx", mode: 0o600, flush: true });
  for (const name of await readdir(join(part, BLOBS))) await syncFolder(join(part, BLOBS, name));
  await syncFolder(join(part, BLOBS));
  await syncFolder(part);
  return manifest;
}

interface Filling {
  tenant: string | undefined;
  blobs: BlobFolder;
  /** Takes the tenants that have records. */
  tenants: Set<string>;
  progress: (role: string, records: number) => void;
}

async function writeRole(
  part: string,
  { role, protocol, fleet }: Exported,
  { tenant, blobs, tenants, progress }: Filling,
): Promise<RoleFacts> {
  const lines = await LineWriter.create(join(part, `${role}.ndjson`));
  const counts: Record<string, number> = {};
  let records = 0;
  try {
    for await (const record of fleet.export({ tenant, blobs })) {
      await lines.write(record);
      tenants.add(record.tenant);
      counts[record.kind] = (counts[record.kind] ?? 0) + 1;
      if (++records % 100 === 0) progress(role, records);
    }
    progress(role, records);
    return { protocol, counts, ...(await lines.end()) };
  } finally {
    await lines.close();
  }
}

async function listBlobs(part: string, blobs: BlobFolder): Promise<Manifest["blobs"]> {
  const lines = await LineWriter.create(join(part, BLOB_LIST));
  let count = 0;
  let contents = 0;
  try {
    for await (const sha256 of blobs.names()) {
      const size = await blobs.size(sha256);
      await lines.write({ sha256, size });
      count++;
      contents += size;
    }
    return { count, contents, ...(await lines.end()) };
  } finally {
    await lines.close();
  }
}

/** Makes what was done in a folder outlive a crash of the machine. Windows has no such call for folders, and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle: FileHandle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
