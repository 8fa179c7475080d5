import { cpSync } from "node:fs";
import { join } from "node:path";
import { pgliteClient } from "../../adapters/clients/pglite.ts";
import { postgresClient } from "../../adapters/clients/postgres.ts";
import type { SqlClient } from "../../adapters/clients/sql.ts";
import type { Env } from "../../adapters/index.ts";
import { ensureExtension, ensureOwnership, ensureRoles } from "../../adapters/prepare/database.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "../adapters/pglite-fixture.ts";
import { serverEnv } from "./servers.ts";

/** A database with accounts and extension, and no migration yet. */
export interface Fresh {
  /** As in `.env.admin`. */
  env: Env;
  /** Another connection of an account's. */
  client(account: "ADMIN" | "OWNER"): SqlClient;
  remove(): Promise<void>;
}

/** Where migrations are shown to work. */
export interface Place {
  name: string;
  /** Sessions of its own for each client, so that one can be in another's way. */
  sessions: boolean;
  fresh(): Promise<Fresh>;
  close(): Promise<void>;
}

const accounts = { owner: "agent_owner", fleet: "agent_fleet", app: "agent_core" };

async function ready(admin: SqlClient): Promise<void> {
  await ensureRoles(admin, accounts);
  await ensureExtension(admin);
  await ensureOwnership(admin, accounts);
  await admin.close();
}

/** Each fresh one is a copy of the first, which takes seconds to make. */
export async function pglitePlace(): Promise<Place> {
  const first = pgliteFolder();
  await ready(pgliteClient(first.url("postgres"), { create: true }));
  return {
    name: "pglite",
    sessions: false,
    async fresh() {
      const at = pgliteFolder();
      cpSync(join(first.folder, "data"), join(at.folder, "data"), { recursive: true });
      const { VECTOR_URL: _, ...env } = at.admin;
      return {
        env,
        client: (account) => pgliteClient(at.admin[`PGLITE_${account}_URL`] ?? ""),
        remove: async () => at.remove(),
      };
    },
    close: async () => first.remove(),
  };
}

/** On the server of CONTRACT_ADMIN_ENV; none without one. */
export async function postgresPlaces(): Promise<Place[]> {
  const given = Object.entries(serverEnv).filter(([name, url]) => /^POSTGRES_[A-Z]+_URL$/.test(name) && url);
  if (given.length === 0) return [];
  await prepare(serverEnv);
  const server = postgresClient(serverEnv.POSTGRES_ADMIN_URL ?? "");
  let made = 0;
  const place: Place = {
    name: "postgres",
    sessions: true,
    async fresh() {
      const name = `migrations_${process.pid}_${++made}`;
      await outside(`create database ${name}`);
      const at = (url = "") => Object.assign(new URL(url), { pathname: `/${name}` }).href;
      const env = Object.fromEntries(given.map(([variable, url]) => [variable, at(url)]));
      await ready(postgresClient(env.POSTGRES_ADMIN_URL ?? ""));
      return {
        env,
        client: (account) => postgresClient(env[`POSTGRES_${account}_URL`] ?? "", { pool: 1 }),
        remove: () => outside(`drop database ${name} with (force)`),
      };
    },
    close: () => server.close(),
  };
  return [place];
}

/** The statements that no transaction may hold. */
async function outside(text: string): Promise<void> {
  const { Client } = (await import("pg")).default;
  const client = new Client({ connectionString: serverEnv.POSTGRES_ADMIN_URL });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
