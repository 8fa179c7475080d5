import type { Json } from "../input.ts";
import type { Capable, Portable, Retaining, RoleAdapter, RoleFleet } from "../role.ts";
import type { Layered } from "../runs.ts";
import type { RunBackend } from "./backend.ts";

export interface RunCapabilities {
  /** Acknowledged writes survive a crash of the server's machine. */
  durable: boolean;
  /** Several processes may open the same data. */
  shared: boolean;
}

/** `queued` waits for a worker, `running` has begun, the others are finished. */
export type RunStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** Who works on a run, and until when nobody else is given it. */
export interface Lease {
  worker: string;
  /** Greater than every token that was given for a run of this id before, unless the store's clock was set back. Only the newest one may write. */
  token: number;
  until: Date;
}

/** One piece of work of an agent, from its beginning to its result. Moments are the store's. */
export interface Run {
  /** Unique within the tenant. */
  id: string;
  /** What sort of work it is; workers ask for kinds. */
  kind: string;
  status: RunStatus;
  /** What the agent has come to. At most 1 MiB of JSON. */
  state: Json;
  /** What it ended with; at most 1 MiB of JSON. */
  result: Json | null;
  /** Why it failed, the last time. */
  error: string | null;
  /** From 1; every change adds 1. To extend a lease is none. */
  version: number;
  /** How often it was claimed; a claim that was given back with `release` does not count. */
  attempt: number;
  maxAttempts: number;
  /** Higher is claimed first. */
  priority: number;
  /** No worker is given it before. */
  notBefore: Date;
  /** Id of the run that it belongs to, as its creator says; nothing is looked up. */
  parent: string | null;
  /** Of a run that a worker has; a run that `update` made running has none. */
  lease: Lease | null;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
}

export interface NewRun {
  /** @default a random UUID */
  id?: string;
  kind: string;
  /** @default null */
  state?: Json;
  /** -1,000,000 to 1,000,000. @default 0 */
  priority?: number;
  /** @default now */
  notBefore?: Date;
  /** 1 to 1,000. @default 3 */
  maxAttempts?: number;
  parent?: string;
}

/** What `update` changes; what is left out stays. */
export interface RunChange {
  state?: Json;
  /** A finished run that is made `queued` starts anew: attempts, error and result of before are gone. Any change of status ends the lease. */
  status?: RunStatus;
  result?: Json;
  error?: string | null;
  priority?: number;
  notBefore?: Date;
  maxAttempts?: number;
}

/** What must still hold, else nothing is written: the version that was read, or that this token is the newest and its lease not lost. */
export type RunCondition = { expectedVersion: number } | { lease: number };

export interface ClaimOptions {
  /** Only runs of these kinds, 1 to 20. @default all */
  kinds?: readonly string[];
  /** Who claims; for people. */
  worker: string;
  /** Milliseconds after which others may take a run over that is not extended, 100 to 86,400,000. @default 30,000 */
  leaseMs?: number;
  /** Runs at most, 1 to 100. @default 1 */
  limit?: number;
}

export interface FailOptions {
  /** Milliseconds until it may be tried again, up to a year. @default 1,000, doubled with each attempt, an hour at most */
  retryAfterMs?: number;
  /** False: it fails for good, whatever attempts are left. @default true */
  retry?: boolean;
}

export interface ListOptions {
  status?: RunStatus;
  kind?: string;
  parent?: string;
  /** 1 to 1,000. @default 100 */
  limit?: number;
  /** The `next` of the page before. */
  after?: string;
}

export interface RunPage {
  runs: Run[];
  /** Where the next page begins; null when this is the last. */
  next: string | null;
}

/** What a handler of `work` has besides its run. */
export interface Job {
  /** Aborted when the lease is lost, the run was cancelled, or the worker is to stop. A handler that ends by an error after that gives its run back. */
  readonly signal: AbortSignal;
  /** Keeps what the agent has come to. `conflict` when the lease is lost. */
  checkpoint(state: Json): Promise<void>;
}

/** Does the work; what it resolves to is the run's result (JSON, or undefined for none). An error is a failed attempt. */
export type Handler<Claimed extends Run = Run> = (run: Claimed, job: Job) => unknown;

export interface WorkOptions extends Omit<ClaimOptions, "limit"> {
  /** Runs at once, 1 to 100. @default 1 */
  concurrency?: number;
  /** Milliseconds between looks when nothing is due, 10 to 60,000. @default 1,000 */
  pollMs?: number;
  /** Ends the work: nothing more is claimed, handlers are told and awaited. */
  signal?: AbortSignal;
}

/** How the runs ended that a worker had. */
export interface WorkDone {
  succeeded: number;
  /** Attempts that ended by an error, whether or not it is tried again. */
  failed: number;
  /** Given back because the worker was stopped. */
  released: number;
  /** Cancelled, deleted or taken over meanwhile. */
  lost: number;
}

/**
 * The `run` role for one tenant: what its agents do, kept while they do it, and the queue that hands it to workers.
 *
 * A claim gives a run to one worker until its lease ends. A worker that is killed extends nothing: the run is due again when its lease is over, and the next to claim takes it over. So
 * a run may be begun more than once, by at most `maxAttempts` claims, and the writes of an earlier holder are refused by its older token.
 *
 * Errors are `StoreError`. Bad input (`invalid`) is refused before anything is written: names (ids, kinds, workers, parents) that are empty, longer than 512 characters, or
 * hold NUL characters or lone surrogates; values that JSON cannot say, or of more than 1 MiB of JSON (UTF-8); errors of more than 65,536 characters; options that are not known;
 * numbers and moments out of their bounds. `conflict` says that a version, a token or the run itself is not what the caller believes: nothing was written.
 */
export interface RunStore extends Capable<RunCapabilities> {
  /** Puts a run into the queue. Where there is one of this id, that one is the answer as it stands, and `created` is false. */
  create(run: NewRun): Promise<{ run: Run; created: boolean }>;
  /** Several, all or none; 0 to 1,000, of 16 MiB of JSON together. Answers in their order; equal priorities are claimed in it. */
  createMany(runs: readonly NewRun[]): Promise<{ run: Run; created: boolean }[]>;
  /** Undefined when there is none. */
  get(id: string): Promise<Run | undefined>;
  /** Whether there was one. Its holder learns it at its next call. */
  delete(id: string): Promise<boolean>;
  /** Changes a run under a condition; `conflict` when it does not hold, or there is no run. */
  update(id: string, change: RunChange, condition: RunCondition): Promise<{ version: number }>;
  /** Ends a run that is not finished; whether it did. Its holder learns it at its next call. */
  cancel(id: string): Promise<boolean>;

  /**
   * Gives runs that are due to a worker: queued ones whose time has come, and running ones whose lease is over. Highest priority first, then those whose time (`notBefore`)
   * came first; one that is taken over is as old as it was. Runs that different calls made within two milliseconds may come in either order. Each is given to one caller,
   * however many ask. One whose lease is over and whose attempts are used up becomes `failed` instead. Fewer than there are may come while others claim at the same moment.
   */
  claim(options: ClaimOptions): Promise<(Run & { lease: Lease })[]>;
  /** Starts a lease's time anew; false when it is lost. A lease that is over, but was not taken over, is not lost. */
  extend(id: string, token: number, leaseMs?: number): Promise<boolean>;
  /** Keeps what the agent has come to. `conflict` when the lease is lost, as for every act of a holder. */
  checkpoint(id: string, token: number, state: Json): Promise<{ version: number }>;
  /** Ends it well. */
  complete(id: string, token: number, result?: Json): Promise<void>;
  /** Ends an attempt: back into the queue, for later, while attempts are left, else `failed`. Resolves to which. */
  fail(id: string, token: number, error: string, options?: FailOptions): Promise<"queued" | "failed">;
  /** Gives it back as if it had not been claimed; it is due at once. */
  release(id: string, token: number): Promise<void>;

  /**
   * Claims runs and hands each to `handler` until the signal is aborted: leases are extended every third of their time, results and errors are written. A server that is away is waited for.
   * Resolves when the last handler has ended. A handler that outlives its lease, since its process was paused, is told by its signal, and nothing it returns is written.
   */
  work(handler: Handler, options: WorkOptions): Promise<WorkDone>;

  /** Newest first; equal moments by id, backwards. A page ends early after 16 MiB of state and results. */
  list(options?: ListOptions): Promise<RunPage>;
  /** How many there are of each kind in each status, in order of kind, then status (code points). */
  counts(): Promise<{ kind: string; status: RunStatus; count: number }[]>;
}

/** The `run` role's acts across tenants. */
export interface RunFleet extends RoleFleet, Portable, Retaining {
  /** Tenants that hold runs, with how many. */
  tenants(): Promise<{ tenant: string; runs: number }[]>;
  /**
   * As a tenant's `claim`, across all: tenants that have something due take turns, in the order of their ids and on from the one that was served last, so that many runs of one keep no other waiting. Jobs of `forRun` are those stores' own. The holder's
   * acts are those of the tenant's store.
   */
  claim(options: ClaimOptions): Promise<(Run & { tenant: string; lease: Lease })[]>;
  /** As a tenant's `work`, across all. */
  work(handler: Handler<Run & { tenant: string }>, options: WorkOptions): Promise<WorkDone>;
}

export type RunAdapter = RoleAdapter<RunStore, RunFleet> & Layered<RunBackend, RunStore>;

/** The default export of every file that is named after a protocol. */
export type OpenRun = (url: string) => RunAdapter;
