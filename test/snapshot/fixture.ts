import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonical } from "../../adapters/canonical.ts";
import { type Env, type Fleet, openStores } from "../../adapters/index.ts";
import type { RoleFleet } from "../../adapters/role.ts";
import { type Manifest, sealed } from "../../adapters/snapshot/format.ts";
import { FILL, linesOf, memoryBlobs } from "../contract/portable-fixture.ts";
import type { OpenRole } from "../contract/servers.ts";

export const ROLES = Object.keys(FILL) as OpenRole[];

/** A folder for snapshots; `remove` deletes it. */
export function place(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "agent-stores-snapshot-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Variables of stores in this process's memory. */
export const inprocess = (name: string): Env =>
  Object.fromEntries(ROLES.map((role) => [`${role.toUpperCase()}_URL`, `inprocess:${name}`]));

/** Of these variables those that name the stores of ROLES. */
export const onlyRoles = (env: Env): Env =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => ROLES.some((role) => name.startsWith(`${role.toUpperCase()}_`))),
  );

/** Fills every role of a tenant. */
export async function fill(env: Env, tenant: string): Promise<void> {
  await using stores = openStores(env);
  for (const role of ROLES) await FILL[role]?.(stores.tenant(tenant));
}

/** All that the stores hold, as lines, with the hashes of contents that were really read. */
export async function everything(fleet: Fleet): Promise<string[]> {
  const blobs = memoryBlobs();
  const lines: string[] = [];
  for (const role of ROLES) lines.push(...(await linesOf((fleet[role] as RoleFleet).export({ blobs }))));
  return [...lines, ...[...blobs.kept.keys()].sort()];
}

/** Every file of a folder, by its path in it. */
export const filesIn = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => statSync(join(folder, name)).isFile()).sort();

/** Changes a snapshot as somebody does who knows how its hashes are made. */
export function forge(folder: string, change: (manifest: Manifest) => object, files: object = {}): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text as string);
  const { sha256: _, ...manifest } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Manifest;
  writeFileSync(join(folder, "manifest.json"), canonical(sealed(change(manifest as Manifest) as Manifest)));
}

/** What a manifest says of a file of this text. */
export const facts = (text: string | Uint8Array) => ({
  bytes: Buffer.byteLength(text),
  sha256: createHash("sha256").update(text).digest("hex"),
});
