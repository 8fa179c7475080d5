import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { StoreError } from "../errors.ts";

export interface Migration {
  /** The file's name without `.sql`, e.g. `0001_tenants`. */
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

export interface Applied {
  name: string;
  checksum: string;
}

const folder = new URL("../../sql/migrations/", import.meta.url);
let loaded: Migration[] | undefined;

/** The migrations that ship with this version, in order. Throws `StoreError` when their numbers have a gap. */
export function migrations(): Migration[] {
  loaded ??= readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file, i) => {
      const name = file.slice(0, -".sql".length);
      if (Number(name.slice(0, 4)) !== i + 1) {
        throw new StoreError(
          "failed",
          "migrations",
          `sql/migrations/${file} should be number ${i + 1}.`,
          "Number them without gaps.",
        );
      }
      const sql = readFileSync(new URL(file, folder), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    });
  return loaded;
}

/** One value for all migrations: it changes when any of them does. */
export function migrationsKey(): string {
  const all = migrations().map((m) => `${m.name} ${m.checksum}`);
  return createHash("sha256").update(all.join("\n")).digest("hex").slice(0, 16);
}

/**
 * What is still to be applied, given what a database has. Throws `StoreError` code `conflict` when the database's past is not ours: a
 * migration that was edited after it ran, or one that this version does not know.
 */
export function pending(applied: readonly Applied[], known: readonly Migration[] = migrations()): Migration[] {
  const byName = new Map(known.map((m) => [m.name, m]));
  for (const { name, checksum } of applied) {
    const mine = byName.get(name);
    if (!mine) {
      throw new StoreError(
        "conflict",
        "migrations",
        `The database has migration ${name}, which this version lacks.`,
        "Update agent-stores to the version that wrote it, or newer.",
      );
    }
    if (mine.checksum !== checksum) {
      throw new StoreError(
        "conflict",
        "migrations",
        `sql/migrations/${name}.sql was changed after it ran here.`,
        "Restore the file (git checkout) and put the change into a new migration.",
      );
    }
  }
  const done = new Set(applied.map((a) => a.name));
  const missing = known.filter((m) => !done.has(m.name));
  const last =
    applied
      .map((a) => a.name)
      .sort()
      .at(-1) ?? "";
  const late = missing.find((m) => m.name < last);
  if (late) {
    throw new StoreError(
      "conflict",
      "migrations",
      `Migration ${late.name} is missing here, though ${last} ran.`,
      "Give it the next number instead.",
    );
  }
  return missing;
}
