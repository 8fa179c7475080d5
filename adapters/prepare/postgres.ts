import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { postgresClient } from "../clients/postgres.ts";
import { type SqlClient, sqlState } from "../clients/sql.ts";
import { StoreError } from "../errors.ts";
import type { OwnerUrls, PrepareProduct, ProductUrls } from "./contract.ts";
import {
  appliedMigrations,
  ensureExtension,
  ensureFrozen,
  ensureGrants,
  ensureOwnership,
  ensurePartitions,
  ensureRoles,
  ensureStatistics,
  migrate,
} from "./database.ts";
import { migrations, pending } from "./migrations.ts";

const prepareProduct: PrepareProduct = {
  async prepare(urls, { frozen }) {
    const accounts = accountsOf(urls);
    const passwords = [urls.owner, urls.fleet, urls.app].map((url) => decodeURIComponent(new URL(url).password));
    await ensureDatabase(urls);
    const admin = postgresClient(urls.admin, { pool: 1 });
    const owner = postgresClient(urls.owner, { pool: 1 });
    try {
      // Held until this one connection closes: of two at once, the second waits and then finds nothing to do.
      const lock = "select pg_advisory_lock(hashtextextended('agents_admin.prepare', 0))";
      await admin.run({ tenant: null, timeout: 0, statements: [{ text: lock }] });
      const made = await ensureRoles(admin, accounts);
      const names = [accounts.owner, accounts.fleet, accounts.app];
      await Promise.all(
        names.map(async (name, i) => {
          const url = [urls.owner, urls.fleet, urls.app][i] as string;
          if (made.includes(name) || !(await logsIn(url))) await setPassword(admin, name, passwords[i] as string);
        }),
      );
      await ensureExtension(admin);
      await ensureStatistics(admin);
      await ensureOwnership(admin, accounts);
      const applied = await migrate(owner);
      await ensureGrants(owner, accounts);
      await ensurePartitions(owner);
      await ensureFrozen(owner, frozen);
      return { roles: names, migrations: migrations().length, applied };
    } finally {
      await Promise.all([admin.close(), owner.close()]);
    }
  },
  async pending(urls) {
    const owner = postgresClient(urls.owner, { pool: 1 });
    try {
      return pending(await appliedMigrations(owner)).map((m) => m.name);
    } finally {
      await owner.close();
    }
  },
  async migrate(urls) {
    const owner = postgresClient(urls.owner, { pool: 1 });
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

function accountsOf({ owner, fleet, app }: OwnerUrls) {
  const user = (url: string) => decodeURIComponent(new URL(url).username);
  return { owner: user(owner), fleet: fleet ? user(fleet) : "agent_fleet", app: app ? user(app) : "agent_core" };
}

/** The database of the other URLs, made through the server's own database when the admin URL's or it is missing. */
async function ensureDatabase(urls: ProductUrls): Promise<void> {
  const wanted = new URL(urls.owner).pathname.slice(1);
  const admin = new URL(urls.admin);
  if (admin.pathname.slice(1) !== wanted) {
    const what = `The admin URL names database "${admin.pathname.slice(1)}", the others "${wanted}".`;
    throw new StoreError("invalid", "postgres", what, "Name one database in all URLs of .env.admin.");
  }
  const probe = postgresClient(urls.admin, { pool: 1 });
  try {
    await probe.run({ tenant: null, statements: [] });
    return;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "unprepared") throw error;
  } finally {
    await probe.close();
  }
  admin.pathname = "/postgres";
  // The one statement that no transaction may hold.
  const { Client } = (await import("pg")).default;
  const client = new Client({ connectionString: admin.href });
  await client.connect();
  try {
    await client.query(`create database "${decodeURIComponent(wanted).replaceAll('"', '""')}"`);
  } catch (error) {
    // Another process made it meanwhile; how the server says so depends on how close the two were.
    if (!["42P04", "23505"].includes(sqlState(error) ?? "")) throw error;
  } finally {
    await client.end();
  }
}

async function logsIn(url: string): Promise<boolean> {
  const client = postgresClient(url, { pool: 1 });
  try {
    await client.run({ tenant: null, statements: [] });
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === "denied") return false;
    throw error;
  } finally {
    await client.close();
  }
}

/** As a SCRAM verifier: the server logs statements, and must not log the password. */
async function setPassword(admin: SqlClient, name: string, password: string): Promise<void> {
  const text = `alter role "${name.replaceAll('"', '""')}" password '${scramVerifier(password)}'`;
  await admin.run({ tenant: null, statements: [{ text }] });
}

function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const rounds = 4096;
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, rounds, 32, "sha256");
  const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const stored = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  return `SCRAM-SHA-256$${rounds}:${salt.toString("base64")}$${stored}:${hmac(salted, "Server Key").toString("base64")}`;
}
