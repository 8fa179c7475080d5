import type { ArtifactFleet, ArtifactStore } from "./artifact/contract.ts";
import { openArtifact } from "./artifact/index.ts";
import { deleteTenant, type TenantDeletion } from "./deletion/delete-tenant.ts";
import { ledgerIn } from "./deletion/ledger.ts";
import { type Env, readEnv, roleUrl, schemeOf } from "./env.ts";
import { messageOf, StoreError } from "./errors.ts";
import type { EventFleet, EventStore } from "./event/contract.ts";
import { openEvent } from "./event/index.ts";
import { checkTenant } from "./input.ts";
import type { MemoryFleet, MemoryStore } from "./memory/contract.ts";
import { openMemory } from "./memory/index.ts";
import { migrateProducts } from "./prepare/index.ts";
import { ended, purge } from "./retention.ts";
import type { RoleAdapter } from "./role.ts";
import type { RunFleet, RunStore } from "./run/contract.ts";
import { openRun } from "./run/index.ts";
import { tenantStores, withRoles } from "./scopes.ts";
import type { SearchFleet, SearchStore } from "./search/contract.ts";
import { openSearch } from "./search/index.ts";
import type { SessionFleet, SessionStore } from "./session/contract.ts";
import { openSession } from "./session/index.ts";
import { type Snapshots, snapshots } from "./snapshot/fleet.ts";
import { openTraces } from "./trace/otlp.ts";
import { traced, tracedAdapter } from "./trace/spans.ts";
import type { VectorFleet, VectorStore } from "./vector/contract.ts";
import { openVector } from "./vector/index.ts";

export type * from "./artifact/contract.ts";
export {
  type Counts,
  type DeletionCertificate,
  type DeletionFault,
  deletionText,
  type Remain,
  type RoleDeletion,
  verifyDeletion,
  verifyDeletions,
} from "./deletion/certificate.ts";
export type { TenantDeletion } from "./deletion/delete-tenant.ts";
export type { Env } from "./env.ts";
export { StoreError, type StoreErrorCode } from "./errors.ts";
export type * from "./event/contract.ts";
export { type HybridAnswer, type HybridHit, type HybridQuery, hybrid } from "./hybrid.ts";
export type { Json, Metadata, Scalar } from "./input.ts";
export type * from "./memory/contract.ts";
export type * from "./run/contract.ts";
export type * from "./search/contract.ts";
export type * from "./session/contract.ts";
export type { Imported, ImportOptions } from "./snapshot/fleet.ts";
export type { Manifest } from "./snapshot/format.ts";
export type { ExportOptions } from "./snapshot/write.ts";
export type * from "./trace/contract.ts";
export { openTraces } from "./trace/otlp.ts";
export { startTracing } from "./trace/start.ts";
export type * from "./vector/contract.ts";
export type { Condition, Filter } from "./vector/filter.ts";

/** Opens each role. A role is added here, and nowhere else in this file but for its type. */
const OPEN = {
  vector: openVector,
  memory: openMemory,
  session: openSession,
  artifact: (url: string, env: Env) => openArtifact(url, env.ARTIFACT_INDEX_URL || undefined),
  run: openRun,
  event: openEvent,
  search: openSearch,
};
/** Variables that other clients use and that serve a role whose own is not set. */
const OTHER_NAMES: { readonly [role: string]: readonly string[] } = {
  vector: ["DATABASE_URL"],
  memory: ["DATABASE_URL"],
  session: ["REDIS_URL"],
  event: ["DATABASE_URL"],
  search: ["DATABASE_URL"],
};
type RoleName = keyof typeof OPEN;
const NAMES = Object.keys(OPEN) as RoleName[];
const urlOf = (env: Env, role: RoleName) => roleUrl(env, role, OTHER_NAMES[role]);

/** A store of each role. */
export interface RoleStores {
  readonly vector: VectorStore;
  readonly memory: MemoryStore;
  readonly session: SessionStore;
  readonly artifact: ArtifactStore;
  readonly run: RunStore;
  readonly event: EventStore;
  readonly search: SearchStore;
}

/** The stores of one tenant. There is no store without a tenant, so no call can forget it. */
export interface TenantStores extends RoleStores {
  readonly tenant: string;
  /**
   * The stores of one run of the tenant: the same contracts, over what this run keeps. Other runs and the tenant at large do not see it, nor it theirs: the tenant's shared knowledge is
   * read by the tenant's own stores. A role that keeps no runs apart throws `unsupported` when it is asked for. Throws `StoreError` for an id that is not 1 to 128 of
   * `A-Z a-z 0-9 _ . -` beginning with a letter or digit.
   */
  forRun(run: string): RunStores;
  /**
   * Removes a document from every configured role that keeps documents; safe to repeat. Counts by role. Every role is tried; an error (`StoreError`) names those that failed.
   */
  deleteDocument(document: string): Promise<Record<string, { deleted: number }>>;
}

/** The stores of one run; disposing of them cleans up. They can be used again after that. */
export interface RunStores extends RoleStores, AsyncDisposable {
  readonly tenant: string;
  readonly runId: string;
  /**
   * Removes everything that the run keeps, in every configured role, whichever process wrote it; safe to repeat, and touches nothing else. Counts by role and kind. Every role is tried; an error (`StoreError`)
   * names those that failed. What the run writes meanwhile may stay.
   */
  cleanUp(): Promise<Record<string, Record<string, number>>>;
}

/** The stores of an application. */
export interface Stores extends AsyncDisposable {
  /** Throws `StoreError` for an id that does not match `[a-z0-9][a-z0-9-]{0,62}`. */
  tenant(id: string): TenantStores;
  /** Ends connections; what is under way is awaited. */
  close(): Promise<void>;
}

/** How one role answers. */
export interface Health {
  role: string;
  /** The protocol of its URL, e.g. `postgres`. */
  protocol: string;
  ok: boolean;
  /** What answered, e.g. `PostgreSQL 18.6, pgvector 0.8.7`, or what is wrong and what to type. */
  detail: string;
  milliseconds: number;
}

/** The acts across tenants, for operators. */
export interface Fleet extends AsyncDisposable, Snapshots {
  readonly vector: VectorFleet;
  readonly memory: MemoryFleet;
  readonly session: SessionFleet;
  readonly artifact: ArtifactFleet;
  readonly run: RunFleet;
  readonly event: EventFleet;
  readonly search: SearchFleet;
  /** Applies the migrations that products lack; names what was applied. */
  migrate(): Promise<{ product: string; applied: string[] }[]>;
  /** Asks every configured role; never throws for one that does not answer. */
  health(): Promise<Health[]>;
  /** Tenants that hold anything in any configured role, in order. */
  tenants(): Promise<string[]>;
  /**
   * Removes everything of one tenant from every configured role, looks again until nothing is found, and certifies it: see `DeletionCertificate`. What was there when the call began is gone when it resolves; what a
   * writer adds after the last look is not, so stop the tenant's writers first. Safe to repeat, and to run twice at once. Every role is tried: an error (`StoreError`) names those that failed, or `conflict` where each look
   * found more.
   */
  deleteTenant(tenant: string): Promise<TenantDeletion>;
  /**
   * The certificates of all deletions, oldest first, as the texts that `verifyDeletions` takes. They are kept in the first database (SQL) among the configured stores; empty where there is none.
   */
  deletions(): Promise<string[]>;
  /**
   * Removes for good what ended longer ago than this, in every configured role where something ends. Counts by role and kind. Every role is tried; an error (`StoreError`) names those that failed.
   */
  purge(options: { olderThanMs: number }): Promise<Record<string, Record<string, number>>>;
  /** Counts what `purge` would remove now; null for a role that cannot say it without removing. */
  ended(options: { olderThanMs: number }): Promise<Record<string, Record<string, number> | null>>;
  close(): Promise<void>;
}

/**
 * Opens the stores that `<ROLE>_URL` variables name; nothing connects before it is used.
 * @param env @default the variables of `.env` in the working directory, under those of the process
 */
export function openStores(env: Env = readEnv(".env")): Stores {
  const roles = openRoles(env);
  return {
    tenant: (id) => tenantStores(roles, checkTenant(id)),
    ...closing(roles),
  };
}

/**
 * Opens the acts across tenants, with the accounts that may do them; nothing connects before it is used.
 * @param adminEnv @default the variables of `.env.admin` in the working directory, under those of the process
 */
export function openFleet(adminEnv: Env = readEnv(".env.admin")): Fleet {
  const roles = openRoles(adminEnv);
  const ledger = ledgerIn([...roles.configured().map((role) => urlOf(adminEnv, role)), adminEnv.ARTIFACT_INDEX_URL]);
  const asked = (role: RoleName) => ask(role, roles.open(role), urlOf(adminEnv, role));
  const acts = {
    migrate: () => migrateProducts(adminEnv),
    health: () => Promise.all([...roles.configured().map(asked), ...tracesIn(adminEnv)]),
    async tenants() {
      const all = await Promise.all(roles.configured().map((role) => roles.open(role).fleet.tenants()));
      return [...new Set(all.flat().map(({ tenant }) => tenant))].sort();
    },
    async deleteTenant(tenant: string) {
      const deleting = roles.configured().map((role) => ({
        role,
        store: schemeOf(urlOf(adminEnv, role)).slice(0, -1),
        fleet: () => roles.open(role).fleet,
      }));
      return deleteTenant(deleting, ledger.open(), tenant);
    },
    ...snapshots(() =>
      roles.configured().map((role) => {
        const protocol = schemeOf(urlOf(adminEnv, role)).slice(0, -1);
        return { role, protocol, fleet: roles.open(role).fleet };
      }),
    ),
    deletions: async () => (await ledger.open()?.all()) ?? [],
    purge: (options: { olderThanMs: number }) => purge(roles, options),
    ended: (options: { olderThanMs: number }) => ended(roles, options),
    ...closing({ close: async () => void (await Promise.all([roles.close(), ledger.close()])) }),
  };
  return withRoles(roles, traced(acts), (role) => roles.open(role).fleet) as typeof acts & Pick<Fleet, RoleName>;
}

const closing = (roles: { close(): Promise<void> }) => ({
  close: () => roles.close(),
  [Symbol.asyncDispose]: () => roles.close(),
});

/** How the store of spans answers, where there is one: it is nobody's store among the others, and its own spans would be noise. */
function tracesIn({ TRACE_URL: url }: Env): Promise<Health>[] {
  if (!url) return [];
  const health = async () => {
    await using traces = openTraces({ TRACE_URL: url });
    return await traces.health();
  };
  return [ask("trace", { health }, url)];
}

async function ask(role: string, adapter: Pick<RoleAdapter<unknown>, "health">, url: string): Promise<Health> {
  const started = performance.now();
  const answer = await adapter.health().then(
    (detail) => ({ ok: true, detail }),
    (error) => ({ ok: false, detail: messageOf(error) }),
  );
  return {
    role,
    protocol: schemeOf(url).slice(0, -1),
    ...answer,
    milliseconds: Math.round(performance.now() - started),
  };
}

/** One adapter per role, opened when it is first asked for. */
function openRoles(env: Env) {
  const opened = new Map<RoleName, RoleAdapter<unknown>>();
  let closed = false;
  const about = (role: RoleName) => ({ role, url: urlOf(env, role) });
  return {
    names: NAMES,
    about,
    open(role: RoleName): RoleAdapter<unknown> {
      if (closed) throw new StoreError("invalid", role, "The stores were closed.", "Open them again: openStores().");
      const adapter = opened.get(role) ?? tracedAdapter(OPEN[role](urlOf(env, role), env), about(role));
      opened.set(role, adapter);
      return adapter;
    },
    /** Roles that have a URL. */
    configured: () =>
      NAMES.filter((role) => [`${role.toUpperCase()}_URL`, ...(OTHER_NAMES[role] ?? [])].some((name) => env[name])),
    async close() {
      closed = true;
      const all = [...opened.values()];
      opened.clear();
      await Promise.all(all.map((adapter) => adapter.close()));
    },
  };
}
