import { createHash } from "node:crypto";
import { StoreError } from "../errors.ts";
import type { Backend, Kept } from "./backend.ts";
import { expectHash } from "./content.ts";
import type { PutOptions } from "./contract.ts";
import { checkOptions } from "./validate.ts";

/** How often a content may be replaced while it is adopted. */
const TRIES = 5;

/**
 * Gives an artifact the hash of what it holds now. Its run and metadata stay, if what lies beside it was written for these bytes: a copy of a store has other versions.
 */
export async function adopt(
  backend: Backend,
  tenant: string,
  path: string,
  options: PutOptions = {},
): Promise<Kept | undefined> {
  const given = checkOptions(path, options);
  for (let tries = 0; tries < TRIES; tries++) {
    const read = await backend.get(tenant, path);
    if (!read) return undefined;
    const hash = createHash("sha256");
    for await (const chunk of read.chunks) hash.update(chunk);
    const sha256 = hash.digest("hex");
    expectHash(path, sha256, given.sha256);
    const { kept } = read;
    const beside = kept.sha256 === null ? await backend.details(tenant, path) : kept;
    const known = beside?.sha256 === sha256 && beside.size === kept.size ? beside : undefined;
    const details = {
      ...kept,
      sha256,
      contentType: options.contentType === undefined ? (known ?? kept).contentType : given.contentType,
      run: options.run === undefined ? (known?.run ?? null) : given.run,
      metadata: options.metadata === undefined ? (known?.metadata ?? {}) : given.metadata,
      modifiedAt: known?.modifiedAt ?? kept.modifiedAt,
    };
    if (await backend.describe(tenant, path, details)) return { ...details, path };
  }
  throw new StoreError(
    "conflict",
    "artifact",
    `${JSON.stringify(path)} is written again and again while it is read.`,
    "Adopt it when its writers are done.",
  );
}
