import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parsePgliteUrl, pgliteClient } from "../clients/pglite.ts";
import { keepImage } from "../clients/pglite-engine.ts";
import type { OwnerUrls, PrepareProduct, ProductUrls } from "./contract.ts";
import {
  appliedMigrations,
  ensureExtension,
  ensureFrozen,
  ensureGrants,
  ensureOwnership,
  ensurePartitions,
  ensureRoles,
  migrate,
} from "./database.ts";
import { migrations, migrationsKey, pending } from "./migrations.ts";

let last: Promise<unknown> = Promise.resolve();

const prepareProduct: PrepareProduct = {
  /** One after the other: the engine has one session, so its own locks keep nobody out, and no other process has the folder. */
  prepare(urls, { frozen }) {
    const turn = last.then(() => prepareFolder(urls, frozen));
    last = turn.catch(() => {});
    return turn;
  },
  async pending(urls) {
    const owner = pgliteClient(urls.owner);
    try {
      return pending(await appliedMigrations(owner)).map((m) => m.name);
    } finally {
      await owner.close();
    }
  },
  async migrate(urls) {
    const owner = pgliteClient(urls.owner);
    try {
      const applied = await migrate(owner);
      await ensureGrants(owner, accountsOf(urls));
      return applied;
    } finally {
      await owner.close();
    }
  },
};
export default prepareProduct;

async function prepareFolder(urls: ProductUrls, frozen: readonly string[]) {
  const accounts = accountsOf(urls);
  const image = imageFolder(Object.values(accounts).join(" "));
  const options = { create: true, image };
  const admin = pgliteClient(urls.admin, options);
  const owner = pgliteClient(urls.owner, options);
  try {
    await ensureRoles(admin, accounts);
    await ensureExtension(admin);
    await ensureOwnership(admin, accounts);
    const applied = await migrate(owner);
    const granted = await ensureGrants(owner, accounts);
    await ensurePartitions(owner);
    await ensureFrozen(owner, frozen);
    // Only a database made just now is free of anyone's data.
    if (granted && applied[0]?.startsWith("0001")) await keep(parsePgliteUrl(urls.admin).folder, image);
    return { roles: Object.values(accounts), migrations: migrations().length, applied };
  } finally {
    await owner.close();
    await admin.close();
  }
}

function accountsOf({ owner, fleet, app }: OwnerUrls) {
  const role = (url: string) => parsePgliteUrl(url).role;
  return { owner: role(owner), fleet: fleet ? role(fleet) : "agent_fleet", app: app ? role(app) : "agent_core" };
}

/** Where a migrated, empty database is kept for the next first start; named by everything that shapes it. */
function imageFolder(accounts: string): string {
  const cache =
    process.env.AGENT_STORES_CACHE ??
    (process.getuid?.() === 0 ? "/var/cache/agent-stores" : join(homedir(), ".cache/agent-stores"));
  const require = createRequire(import.meta.url);
  const version = (name: string) => {
    const main = require.resolve(name);
    const root = main.slice(0, main.indexOf(name) + name.length);
    return (require(join(root, "package.json")) as { version: string }).version;
  };
  const versions = ["@electric-sql/pglite", "@electric-sql/pglite-pgvector"].map(version).join("-");
  const names = Buffer.from(accounts).toString("base64url").slice(0, 60);
  return join(cache, "pglite", `${versions}-${migrationsKey()}-${names}`);
}

async function keep(folder: string, image: string): Promise<void> {
  try {
    mkdirSync(dirname(image), { recursive: true });
    await keepImage(folder, image);
  } catch {
    // A cache that cannot be written costs the next first start seconds; this one is unharmed.
  }
}
