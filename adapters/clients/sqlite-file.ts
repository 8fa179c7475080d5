import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { StoreError } from "../errors.ts";
import { openDatabase, type Shared, type SqliteClient, sqliteClient } from "./sqlite.ts";
import { toStoreError } from "./sqlite-errors.ts";

/** The database of one role: a file of its own in the store's folder. */
export interface SqliteSchema {
  /** Names the file, e.g. `session`. */
  role: string;
  /** Kept in `user_version`. */
  version: number;
  /** Makes everything of this version, from nothing. */
  sql: string;
}

const files = new Map<string, Promise<Shared>>();
const memories = new Map<string, Promise<Shared>>();

const fileOf = (folder: string, { role }: SqliteSchema) => join(resolve(folder), `${role}.db`);

/** The databases that a store's folder holds, in order. */
export const databasesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".db"))
        .sort()
        .map((name) => join(folder, name))
    : [];

/** A role's file in a folder. `unprepared` when it was not made yet. */
export function sqliteFile(folder: string, schema: SqliteSchema): SqliteClient {
  const file = fileOf(folder, schema);
  return sqliteClient(
    async () => {
      const opening = files.get(file) ?? openPrepared(file, schema);
      files.set(file, opening);
      opening.catch(() => files.delete(file));
      const one = await opening;
      one.users++;
      return one;
    },
    (one) => {
      if (--one.users > 0) return;
      files.delete(file);
      one.db.close();
    },
  );
}

/** The same in this process's memory, where everything that names the same URL shares it until the process ends. */
export function sqliteMemory(url: string, schema: SqliteSchema): SqliteClient {
  const key = `${schema.role} ${url}`;
  return sqliteClient(
    () => {
      const known = memories.get(key) ?? openDatabase(":memory:").then((one) => makeSchema(one, schema));
      memories.set(key, known);
      return known;
    },
    () => {},
  );
}

async function openPrepared(file: string, schema: SqliteSchema): Promise<Shared> {
  if (!existsSync(file)) throw unprepared(file);
  const one = await openDatabase(file);
  const version = versionOf(one);
  if (version === schema.version) return one;
  one.db.close();
  if (version < schema.version) throw unprepared(file);
  throw new StoreError(
    "conflict",
    "sqlite",
    `${file} is of version ${version}, which this version does not know.`,
    "Update agent-stores to the version that wrote it, or newer.",
  );
}

const unprepared = (file: string) =>
  new StoreError("unprepared", "sqlite", `There is no store in ${file}.`, "Make it: npm run up");

const versionOf = ({ statements }: Shared) =>
  statements.first<{ user_version: number }>("pragma user_version")?.user_version ?? 0;

/** Whether the file lacks what this version needs. Writes nothing. */
export async function lacksSchema(folder: string, schema: SqliteSchema): Promise<boolean> {
  const file = fileOf(folder, schema);
  if (!existsSync(file)) return true;
  const one = await openDatabase(file);
  try {
    return versionOf(one) < schema.version;
  } finally {
    one.db.close();
  }
}

/** Makes folder, file and schema, as far as they are not there. */
export async function prepareFile(folder: string, schema: SqliteSchema): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const one = await openDatabase(fileOf(folder, schema));
  try {
    makeSchema(one, schema);
  } finally {
    one.db.close();
  }
}

function makeSchema(one: Shared, { version, sql }: SqliteSchema): Shared {
  const { db } = one;
  if (versionOf(one) >= version) return one;
  try {
    db.exec("pragma busy_timeout = 5000; begin immediate");
    // Another process may have made it meanwhile.
    if (versionOf(one) < version) db.exec(`${sql}; pragma user_version = ${version}`);
    db.exec("commit");
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw toStoreError(error);
  }
  return one;
}
