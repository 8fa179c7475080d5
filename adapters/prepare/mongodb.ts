import type { Db, IndexSpecification } from "mongodb";
import { type Mongo, mongoAt } from "../clients/mongodb.ts";
import { isKnownAlready, isUnimplemented, isUnknownCommand } from "../clients/mongodb-errors.ts";
import { type MongoPlace, parseMongoUrl } from "../clients/mongodb-url.ts";
import { StoreError } from "../errors.ts";
import { BATCHES, CHANGES, FACTS } from "../memory/mongodb-documents.ts";
import type { PrepareProduct, ProductUrls } from "./contract.ts";

/** What is looked up by what, beside the `_id`. */
const INDEXES: Record<string, readonly IndexSpecification[]> = {
  [FACTS]: [
    { tenant: 1, key: 1 },
    { tenant: 1, id: 1 },
    { tenant: 1, updated: -1, id: -1 },
    { tenant: 1, kind: 1, updated: -1, id: -1 },
    { tenant: 1, agent: 1, updated: -1, id: -1 },
    { tenant: 1, source: 1, updated: -1, id: -1 },
    { tenant: 1, words: 1 },
    { tenant: 1, ends: 1 },
  ],
  [CHANGES]: [
    { tenant: 1, key: 1, seq: 1 },
    { tenant: 1, id: 1 },
    { tenant: 1, life: 1 },
    { tenant: 1, ends: 1 },
  ],
  [BATCHES]: [{ tenant: 1, state: 1 }],
};

const READ_WRITE = ["find", "insert", "update", "remove", "listIndexes"];

/** The accounts' rights: the owner makes collections and indexes, the others read and write the documents of these three alone. */
const privileges = (database: string, account: "owner" | "fleet" | "app") => [
  {
    resource: { db: database, collection: "" },
    actions: account === "owner" ? [...READ_WRITE, "createCollection", "createIndex"] : ["listCollections"],
  },
  ...(account === "owner"
    ? []
    : Object.keys(INDEXES).map((collection) => ({ resource: { db: database, collection }, actions: READ_WRITE }))),
];

const prepareProduct: PrepareProduct = {
  async prepare(urls) {
    const places = { owner: parseMongoUrl(urls.owner), fleet: parseMongoUrl(urls.fleet), app: parseMongoUrl(urls.app) };
    const names = new Set(Object.values(places).map(({ database }) => database));
    if (names.size > 1)
      throw new StoreError(
        "invalid",
        "mongodb",
        "The URLs name several databases.",
        "Name one database in all URLs of .env.admin.",
      );
    const roles = await ensureAccounts(urls, places);
    await withDatabase(urls.owner, ensureIndexes);
    return { roles, migrations: 0, applied: [] };
  },
  pending: async () => [],
  migrate: async () => [],
};
export default prepareProduct;

/** Resolves to the accounts that are there now, made by the administrator's; those that are the administrator's own are as they are. */
async function ensureAccounts(
  urls: ProductUrls,
  places: Record<"owner" | "fleet" | "app", MongoPlace>,
): Promise<string[]> {
  const admin = parseMongoUrl(urls.admin);
  const others = Object.entries(places).filter(([, { username }]) => username && username !== admin.username);
  const done: string[] = [];
  await withDatabase(urls.admin, async (db, mongo) => {
    for (const [account, place] of others) {
      const role = await ensureRole(db, place, account as keyof typeof places);
      await ensureUser(mongo, place, role ? [{ role: place.username, db: place.database }] : []);
      done.push(place.username);
    }
  });
  return done.length > 0 ? done : [admin.username || "anybody"];
}

/** Whether the server knows roles: FerretDB 1 does not, and lets every account do everything. */
async function ensureRole(
  db: Db,
  { username, database }: MongoPlace,
  account: "owner" | "fleet" | "app",
): Promise<boolean> {
  const rights = { privileges: privileges(database, account), roles: [] };
  try {
    await db.command({ createRole: username, ...rights });
  } catch (error) {
    if (isUnknownCommand(error) || isUnimplemented(error)) return false;
    if (!isKnownAlready(error)) throw error;
    await db.command({ updateRole: username, ...rights });
  }
  return true;
}

async function ensureUser(
  mongo: Mongo,
  { username, password, authSource }: MongoPlace,
  roles: object[],
): Promise<void> {
  await mongo.run(async (db) => {
    const accounts = db.client.db(authSource);
    const what = { pwd: password, ...(roles.length > 0 && { roles }) };
    try {
      await accounts.command({ createUser: username, ...what, roles });
    } catch (error) {
      if (!isKnownAlready(error)) throw error;
      await accounts.command({ updateUser: username, ...what });
    }
  });
}

async function ensureIndexes(db: Db): Promise<void> {
  for (const [name, indexes] of Object.entries(INDEXES))
    for (const index of indexes) await db.collection(name).createIndex(index);
}

async function withDatabase(url: string, act: (db: Db, mongo: Mongo) => Promise<void>): Promise<void> {
  const mongo = mongoAt(url);
  try {
    await mongo.run((db) => act(db, mongo));
  } finally {
    await mongo.close();
  }
}
