import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type SqlClient, type Statement, sqlState } from "../clients/sql.ts";
import { StoreError } from "../errors.ts";
import { type Applied, type Migration, migrations, pending } from "./migrations.ts";

/** Names of the three accounts of a database. */
export interface Accounts {
  owner: string;
  fleet: string;
  app: string;
}

/** The oldest pgvector without known corruption: 0.8.4 ended that of HNSW indexes under vacuum. */
const PGVECTOR = [0, 8, 4];

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Makes the accounts that are missing and gives each the attributes it must have; resolves to the names it made. */
export async function ensureRoles(admin: SqlClient, { owner, fleet, app }: Accounts): Promise<string[]> {
  const wanted = [
    { name: owner, bypass: false },
    { name: fleet, bypass: true },
    { name: app, bypass: false },
  ];
  const [rows = []] = await admin.run({
    tenant: null,
    statements: [{ text: "select rolname as name, rolbypassrls as bypass, rolsuper as super from pg_roles" }],
  });
  const made: string[] = [];
  const statements: string[] = [];
  for (const { name, bypass } of wanted) {
    const has = rows.find((row) => row.name === name);
    const attributes = `login nocreatedb nocreaterole noreplication ${bypass ? "bypassrls" : "nobypassrls"}`;
    if (!has) {
      made.push(name);
      statements.push(`create role ${quote(name)} ${attributes}`);
    } else if (has.super) {
      throw new StoreError(
        "invalid",
        admin.protocol,
        `Account "${name}" is a superuser and would ignore every policy.`,
        "Name another account in .env.admin.",
      );
    } else if (has.bypass !== bypass) {
      statements.push(`alter role ${quote(name)} ${attributes}`);
    }
  }
  if (statements.length) await admin.run({ tenant: null, statements: statements.map((text) => ({ text })) });
  return made;
}

/** Makes pgvector available in the database, in schema public; throws `StoreError` code `unprepared` when the server has none, or too old a one. */
export async function ensureExtension(admin: SqlClient): Promise<void> {
  const [rows = []] = await admin.run({
    tenant: null,
    statements: [
      {
        text: `select a.default_version as offered, a.installed_version as installed, n.nspname as schema
          from pg_available_extensions a left join pg_extension e on e.extname = a.name left join pg_namespace n on n.oid = e.extnamespace
          where a.name = 'vector'`,
      },
    ],
  });
  const found = rows[0] as { offered: string; installed: string | null; schema: string | null } | undefined;
  const mend = "Use image pgvector/pgvector:0.8.6-pg18-trixie, or install postgresql-18-pgvector on the server.";
  if (!found) throw new StoreError("unprepared", admin.protocol, "The server has no pgvector.", mend);
  if (older(found.offered) && older(found.installed ?? "0")) {
    throw new StoreError(
      "unprepared",
      admin.protocol,
      `pgvector ${found.installed ?? found.offered} is too old, 0.8.4 is needed.`,
      mend,
    );
  }
  if (found.schema && found.schema !== "public") {
    const type = `alter extension vector set schema public`;
    throw new StoreError(
      "unprepared",
      admin.protocol,
      `pgvector is in schema "${found.schema}".`,
      `As superuser run: ${type}`,
    );
  }
  const text = !found.installed
    ? "create extension if not exists vector schema public"
    : older(found.installed)
      ? "alter extension vector update"
      : undefined;
  if (text) await admin.run({ tenant: null, timeout: 0, statements: [{ text }] });
}

function older(version: string): boolean {
  const have = version.split(".").map(Number);
  for (const [i, want] of PGVECTOR.entries()) {
    if ((have[i] ?? 0) !== want) return (have[i] ?? 0) < want;
  }
  return false;
}

/**
 * Makes the counts of statements visible where the server keeps them. They are for operators: a server that offers none, or keeps them from us, serves as
 * well without.
 */
export async function ensureStatistics(admin: SqlClient): Promise<void> {
  const [rows = []] = await admin.run({
    tenant: null,
    statements: [
      {
        text: `select from pg_available_extensions where name = 'pg_stat_statements' and installed_version is null
          and current_setting('shared_preload_libraries', true) ~ 'pg_stat_statements'`,
      },
    ],
  });
  if (rows.length === 0) return;
  const text = "create extension if not exists pg_stat_statements schema public";
  await admin.run({ tenant: null, statements: [{ text }] }).catch((error) => {
    if (!(error instanceof StoreError) || error.code !== "denied") throw error;
  });
}

/** Lets the owner account make schemas in the database. */
export async function ensureOwnership(admin: SqlClient, { owner }: Accounts): Promise<void> {
  const [rows = []] = await admin.run({
    tenant: null,
    statements: [
      {
        text: `select d.datname as name, pg_get_userbyid(d.datdba) as owner, has_database_privilege($1, d.oid, 'create') as ok
          from pg_database d where d.datname = current_database()`,
        values: [owner],
      },
    ],
  });
  const database = rows[0] as { name: string; owner: string; ok: boolean };
  if (database.owner === owner) return;
  await admin.run({
    tenant: null,
    statements: [{ text: `alter database ${quote(database.name)} owner to ${quote(owner)}` }],
  });
}

/** What the database has; empty when it was never migrated. Writes nothing. */
export async function appliedMigrations(client: SqlClient): Promise<Applied[]> {
  const [there = []] = await client.run({
    tenant: null,
    statements: [{ text: "select to_regclass('agents_admin.migrations') is not null as ok" }],
  });
  if (!there[0]?.ok) return [];
  const [rows = []] = await client.run({
    tenant: null,
    statements: [{ text: "select name, checksum from agents_admin.migrations order by name" }],
  });
  return rows as unknown as Applied[];
}

/** One at a time, whoever migrates or grants. Waits for as long as the other takes: what it waits for below is no table. */
const TURN = { text: "select pg_advisory_xact_lock(hashtextextended('agents_admin.migrations', 0))" };

/**
 * How migrations wait for tables that others use. Everyone who comes after a waiting one waits too, so it gives way soon and comes again; the pause grows
 * with each try. The defaults make it a minute and a half.
 */
export interface Patience {
  /** Milliseconds for one lock. @default 2000 */
  lock?: number;
  /** @default 12 */
  tries?: number;
  /** Milliseconds before the second try. @default 1000 */
  pause?: number;
}

/**
 * Applies what is pending, all or nothing, as the owner; resolves to the names. Of two at once the second finds nothing to do. Throws `StoreError` code `conflict`, which names
 * those in the way, when a table could not be had.
 */
export async function migrate(
  owner: SqlClient,
  known: readonly Migration[] = migrations(),
  { lock = 2_000, tries = 12, pause = 1_000 }: Patience = {},
): Promise<string[]> {
  if (pending(await appliedMigrations(owner), known).length === 0) return [];
  const bookkeeping = `
    create schema if not exists agents_admin;
    create table if not exists agents_admin.migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now());
    create table if not exists agents_admin.prepared (what text primary key, fingerprint text not null)`;
  await owner.run({ tenant: null, timeout: 0, statements: [TURN, { text: bookkeeping }] });
  for (let tried = 1; ; tried++) {
    // Read again by the statements themselves: a step that another process applied meanwhile fails on its key, and nothing is kept.
    const steps = pending(await appliedMigrations(owner), known);
    if (steps.length === 0) return [];
    try {
      await owner.run({ tenant: null, timeout: 0, statements: [TURN, ...applying(steps, lock)] });
      return steps.map((step) => step.name);
    } catch (error) {
      if (pending(await appliedMigrations(owner), known).length === 0) return [];
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (tried >= tries) throw await inTheWay(owner, steps, tries, error);
      await sleep(pause * Math.min(tried, 10));
    }
  }
}

const LOCK_NOT_AVAILABLE = "55P03";

const applying = (steps: readonly Migration[], lock: number): Statement[] => [
  { text: `set local lock_timeout = ${lock}` },
  ...steps.flatMap(({ name, checksum, sql }) => [
    { text: "insert into agents_admin.migrations (name, checksum) values ($1, $2)", values: [name, checksum] },
    { text: sql },
  ]),
];

async function inTheWay(
  owner: SqlClient,
  steps: readonly Migration[],
  tries: number,
  cause: unknown,
): Promise<StoreError> {
  const text = `select string_agg(distinct l.pid::text, ', ') as pids from pg_locks l join pg_class c on c.oid = l.relation
    where l.granted and l.pid <> pg_backend_pid() and l.database = (select oid from pg_database where datname = current_database())
      and c.relowner = current_user::regrole`;
  const [rows] = await owner.run({ tenant: null, statements: [{ text }] });
  const pids = rows?.[0]?.pids ?? "none any more";
  return new StoreError(
    "conflict",
    owner.protocol,
    `${steps.map(({ name }) => name).join(", ")}: a table is in use by others; nothing was changed after ${tries} tries.`,
    `In the way now: ${pids}. Wait for them, or as administrator: select pg_terminate_backend(pid); then type it again.`,
    cause,
  );
}

/** Gives the fleet and app accounts their rights; nothing is sent when they already have them. Resolves to whether it did. */
export async function ensureGrants(owner: SqlClient, accounts: Accounts): Promise<boolean> {
  const text = grants(accounts);
  const fingerprint = createHash("sha256").update(text).digest("hex");
  const [rows = []] = await owner.run({
    tenant: null,
    statements: [{ text: "select fingerprint from agents_admin.prepared where what = $1", values: ["grants"] }],
  });
  if (rows[0]?.fingerprint === fingerprint) return false;
  await owner.run({
    tenant: null,
    timeout: 0,
    statements: [
      TURN,
      { text },
      {
        text: `insert into agents_admin.prepared values ('grants', $1)
          on conflict (what) do update set fingerprint = excluded.fingerprint`,
        values: [fingerprint],
      },
    ],
  });
  return true;
}

/** Makes the partition of this month and the next, so that appending finds them there. */
export async function ensurePartitions(owner: SqlClient): Promise<void> {
  await owner.run({ tenant: null, repeatable: true, statements: [{ text: "select events.ensure_months()" }] });
}

/** Lets nobody write these roles, and everybody with the right to all others; waits for writers that are at work in one that freezes. */
export async function ensureFrozen(owner: SqlClient, roles: readonly string[]): Promise<void> {
  const statement = { text: "select agents_admin.freeze($1::text[])", values: [`{${roles.join(",")}}`] };
  await owner.run({ tenant: null, timeout: 0, statements: [TURN, statement] });
}

/** Tables to which rows are added, and never changed; a space goes with its tenant, and what a memory was with a purge or its run. */
const APPEND_ONLY = ["agents.spaces", "agents.audit", "agents.memory_events"];

function grants({ fleet, app }: Accounts): string {
  const both = `${quote(app)}, ${quote(fleet)}`;
  return `
    grant usage on schema agents to ${both};
    grant select, insert, update, delete on all tables in schema agents to ${both};
    revoke update, delete on ${APPEND_ONLY.join(", ")} from ${both};
    grant delete on agents.spaces, agents.memory_events to ${quote(fleet)};
    grant execute on all functions in schema agents to ${both};
    grant usage on schema events to ${both};
    -- Named, since a partition is reached through its parent alone.
    grant select, insert, update, delete on events.streams, events.consumers, events.deliveries to ${both};
    grant select, insert, delete on events.events to ${both};
    grant execute on all functions in schema events to ${both};
    revoke execute on function events.ensure_partition(timestamptz), events.drop_months(timestamptz) from ${quote(app)};
    grant usage on schema agents_admin to ${quote(fleet)};
    grant select on agents_admin.migrations to ${quote(fleet)};
    grant select, insert on agents_admin.deletions to ${quote(fleet)};
    grant execute on function agents_admin.tenant_rows(text) to ${quote(fleet)};
    -- ${migrations().at(-1)?.name}`;
}
