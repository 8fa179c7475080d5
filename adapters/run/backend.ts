import type { Part, RunRemoving } from "../runs.ts";
import type { ListOptions, Run, RunStatus } from "./contract.ts";

/** Microseconds since 1970, which fit a number until the year 2255. */
export type Micros = number;

/** A run as it is kept. `token` is the newest that was given, 0 before the first. */
export interface KeptRun extends Omit<Run, "lease" | "notBefore" | "createdAt" | "updatedAt" | "finishedAt"> {
  tenant: string;
  notBefore: Micros;
  worker: string | null;
  token: number;
  leaseUntil: Micros | null;
  createdAt: Micros;
  updatedAt: Micros;
  finishedAt: Micros | null;
}

/** A new run, checked and complete. */
export interface CheckedRun {
  id: string;
  kind: string;
  /** JSON. */
  state: string;
  priority: number;
  /** Milliseconds since 1970; null: now. */
  notBefore: number | null;
  maxAttempts: number;
  parent: string | null;
}

/** JSON as text; `notBefore` in milliseconds since 1970. */
export interface CheckedChange {
  state?: string;
  status?: RunStatus;
  /** Null: none. */
  result?: string | null;
  error?: string | null;
  priority?: number;
  notBefore?: number;
  maxAttempts?: number;
}

export interface CheckedClaim {
  /** Null: all of the part. */
  kinds: readonly string[] | null;
  /** @default what belongs to no run */
  part?: Part;
  worker: string;
  leaseMs: number;
  limit: number;
}

export type CheckedList = Pick<ListOptions, "status" | "kind" | "parent"> & {
  limit: number;
  /** Only ids in it. @default all */
  part?: Part;
  after: { createdAt: Micros; id: string } | null;
};

/** How a holder ends its attempt. `delayMs` null: by the number of attempts. */
export type Ending =
  | { as: "complete"; result: string | null }
  | { as: "fail"; error: string; delayMs: number | null; retry: boolean }
  | { as: "release" };

/** A row of a claim; one that became `failed`, since its attempts are used up, is not handed out. */
export type Taken = KeptRun & { status: "running" | "failed" };

/**
 * What one protocol does for one tenant. `runStore` makes the contract of it: everything that arrives here was checked. What resolves to undefined found no run for which the condition
 * holds, and wrote nothing.
 */
export interface RunBackend extends RunRemoving {
  /** All or none, in the order given; ids are distinct. Whether it was made, and the run of this id as it stands. */
  create(runs: readonly CheckedRun[]): Promise<{ kept: KeptRun; created: boolean }[]>;
  get(id: string): Promise<KeptRun | undefined>;
  delete(id: string): Promise<boolean>;
  update(
    id: string,
    change: CheckedChange,
    condition: { expectedVersion: number } | { lease: number },
  ): Promise<number | undefined>;
  cancel(id: string): Promise<boolean>;
  /** Highest priority first, then those whose time came first. */
  claim(claim: CheckedClaim): Promise<Taken[]>;
  extend(id: string, token: number, leaseMs: number): Promise<boolean>;
  /** What it is now. */
  end(id: string, token: number, ending: Ending): Promise<RunStatus | undefined>;
  /** Newest first; at most `limit`, and no more after `PAGE_BYTES`; whether more follow. */
  list(list: CheckedList): Promise<{ kept: KeptRun[]; more: boolean }>;
  /** @param part only kinds in it. @default all */
  counts(part?: Part): Promise<{ kind: string; status: RunStatus; count: number }[]>;
  removeRun(run: string): Promise<{ runs: number }>;
}

/** What one protocol does across tenants. */
export interface RunFleetBackend {
  tenant(tenant: string): RunBackend;
  /** One run, or an equal share of the limit, of each tenant after this one that has any due; `limit` tenants at most. */
  claimAfter(tenant: string, claim: CheckedClaim): Promise<Taken[]>;
  deleteTenant(tenant: string): Promise<number>;
  tenants(): Promise<{ tenant: string; runs: number }[]>;
  /** In order of tenant, then id, of one tenant or all; as many as a page has. */
  page(tenant: string | undefined, after: { tenant: string; id: string } | null): Promise<KeptRun[]>;
  /** Writes them over what is there; keys are distinct. */
  put(runs: readonly KeptRun[]): Promise<void>;
  purge(olderThanMs: number): Promise<number>;
}

/** Bytes of state and results after which a page ends. */
export const PAGE_BYTES = 16 * 1024 * 1024;
/** Runs that a page of an export has at most. */
export const PAGE_RUNS = 500;
/** Why a run failed that was claimed as often as it may be, and never ended. */
export const USED_UP = "Its attempts are used up, and none of them completed it.";
/** Milliseconds until the second attempt; each further one waits twice as long. */
export const BACKOFF = { first: 1_000, most: 3_600_000 } as const;
