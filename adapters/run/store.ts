import { StoreError } from "../errors.ts";
import type { Ending, KeptRun, RunBackend } from "./backend.ts";
import type { Lease, Run, RunCapabilities, RunStore } from "./contract.ts";
import * as check from "./validate.ts";
import { work } from "./work.ts";

const date = (micros: number): Date => new Date(Math.floor(micros / 1_000));

/** A kept run as callers see it. */
export function runOf(kept: KeptRun): Run {
  const { tenant: _, worker, token, leaseUntil, finishedAt, ...run } = kept;
  return {
    ...run,
    notBefore: date(kept.notBefore),
    lease: worker !== null && leaseUntil !== null ? { worker, token, until: date(leaseUntil) } : null,
    createdAt: date(kept.createdAt),
    updatedAt: date(kept.updatedAt),
    finishedAt: finishedAt === null ? null : date(finishedAt),
  };
}

/** Claims until as many are handed out as were asked for, or nothing more is due: those whose attempts are used up count for nothing. */
export async function claimAll(limit: number, claim: (limit: number) => Promise<KeptRun[]>): Promise<KeptRun[]> {
  const handed: KeptRun[] = [];
  for (;;) {
    const taken = await claim(limit - handed.length);
    const running = taken.filter(({ status }) => status === "running");
    handed.push(...running);
    if (running.length === taken.length || handed.length === limit) return handed;
  }
}

/** The contract over what a protocol does for one tenant. */
export function runStore(backend: RunBackend, can: RunCapabilities, why: RunStore["why"]): RunStore {
  const store: RunStore = {
    can,
    why,
    ...records(backend),
    ...holders(backend),
    async claim(options) {
      const checked = check.checkClaim(options);
      const kept = await claimAll(checked.limit, (limit) => backend.claim({ ...checked, limit }));
      return kept.map((one) => runOf(one) as Run & { lease: Lease });
    },
    work: (handler, options) => work({ claim: store.claim, holding: () => store }, handler, options),
  };
  return store;
}

function records(backend: RunBackend) {
  return {
    async create(run) {
      const [made] = await backend.create([check.checkRun(run)]);
      const { kept, created } = made as NonNullable<typeof made>;
      return { run: runOf(kept), created };
    },
    async createMany(given) {
      const runs = check.checkRuns(given);
      const first = new Map(runs.toReversed().map((run) => [run.id, run]));
      const distinct = runs.filter((run) => first.get(run.id) === run);
      const made = distinct.length > 0 ? await backend.create(distinct) : [];
      const byId = new Map(made.map((one) => [one.kept.id, one]));
      return runs.map((run) => {
        const { kept, created } = byId.get(run.id) as (typeof made)[number];
        return { run: runOf(kept), created: created && first.get(run.id) === run };
      });
    },
    async get(id) {
      const kept = await backend.get(check.checkName(id, "The id"));
      return kept && runOf(kept);
    },
    async delete(id) {
      return backend.delete(check.checkName(id, "The id"));
    },
    async update(id, change, condition) {
      const name = check.checkName(id, "The id");
      const checked = check.checkCondition(condition);
      const version = await backend.update(name, check.checkChange(change), checked);
      if (version !== undefined) return { version };
      if ("lease" in checked) return lost(backend, name, checked.lease);
      const found = await backend.get(name);
      const what = found ? `Run "${name}" has version ${found.version}, not ${checked.expectedVersion}` : gone(name);
      throw new StoreError("conflict", "run", `${what}: nothing was written.`, "Read it again, and decide anew.");
    },
    async cancel(id) {
      return backend.cancel(check.checkName(id, "The id"));
    },
    async list(options) {
      const checked = check.checkList(options);
      const { kept, more } = await backend.list(checked);
      const last = kept.at(-1);
      return { runs: kept.map(runOf), next: more && last ? check.cursorOf(last) : null };
    },
    counts: () => backend.counts(),
  } satisfies Partial<RunStore>;
}

function holders(backend: RunBackend) {
  async function end(id: string, token: number, ending: Ending) {
    const name = check.checkName(id, "The id");
    return (await backend.end(name, check.checkToken(token), ending)) ?? lost(backend, name, token);
  }
  return {
    async extend(id, token, leaseMs = 30_000) {
      return backend.extend(check.checkName(id, "The id"), check.checkToken(token), check.checkLeaseMs(leaseMs));
    },
    async checkpoint(id, token, state) {
      const name = check.checkName(id, "The id");
      const json = check.checkValue(state, "The state");
      const version = await backend.update(name, { state: json }, { lease: check.checkToken(token) });
      return version === undefined ? lost(backend, name, token) : { version };
    },
    async complete(id, token, result = null) {
      await end(id, token, { as: "complete", result: check.checkResult(result) });
    },
    async fail(id, token, error, options) {
      const how = check.checkFail(options);
      return (await end(id, token, { as: "fail", error: check.checkError(error), ...how })) as "queued" | "failed";
    },
    async release(id, token) {
      await end(id, token, { as: "release" });
    },
  } satisfies Partial<RunStore>;
}

const gone = (id: string) => `There is no run "${id}"`;

/** Says why a token does not hold any more. */
async function lost(backend: RunBackend, id: string, token: number): Promise<never> {
  const found = await backend.get(id);
  const what = !found
    ? gone(id)
    : found.token !== token
      ? `Token ${token} is not the newest of run "${id}"`
      : `Run "${id}" is ${found.status}, and nobody's`;
  throw new StoreError("conflict", "run", `${what}: nothing was written.`, "Stop working on it.");
}
