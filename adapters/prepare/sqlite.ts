import { parseSqliteUrl } from "../clients/sqlite.ts";
import { lacksSchema, prepareFile, type SqliteSchema } from "../clients/sqlite-file.ts";
import { MEMORY } from "../memory/sqlite-schema.ts";
import { RUN } from "../run/sqlite-schema.ts";
import { SESSION } from "../session/sqlite-schema.ts";
import type { OwnerUrls, PrepareProduct } from "./contract.ts";

/** Every role that can be kept in SQLite: the files are small, and a role that is bound later finds its own. */
const SCHEMAS: readonly SqliteSchema[] = [SESSION, MEMORY, RUN];

/** A file has no accounts: whoever may write it is all of them. */
const prepareProduct: PrepareProduct = {
  prepare: async (urls) => ({ roles: [], migrations: 0, applied: await make(urls) }),
  pending: async ({ owner }) => (await missing(parseSqliteUrl(owner))).map(nameOf),
  migrate: make,
};
export default prepareProduct;

const nameOf = ({ role, version }: SqliteSchema) => `${role}_${version}`;

async function missing(folder: string): Promise<SqliteSchema[]> {
  const all = await Promise.all(SCHEMAS.map(async (schema) => ((await lacksSchema(folder, schema)) ? [schema] : [])));
  return all.flat();
}

async function make({ owner }: OwnerUrls): Promise<string[]> {
  const folder = parseSqliteUrl(owner);
  const made = await missing(folder);
  for (const schema of made) await prepareFile(folder, schema);
  return made.map(nameOf);
}
