import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, StoreError } from "../errors.ts";
import type { Json } from "../input.ts";
import type { ClaimOptions, Handler, Lease, Run, RunStore, WorkDone, WorkOptions } from "./contract.ts";
import * as check from "./validate.ts";

type Holding = Pick<RunStore, "extend" | "checkpoint" | "complete" | "fail" | "release">;
type Held = Run & { lease: Lease };

/** Where runs come from, and whose acts are a holder's. */
export interface Queue<Claimed extends Held> {
  claim(options: ClaimOptions): Promise<Claimed[]>;
  holding(run: Claimed): Holding;
}

/** Milliseconds between tries to reach a server that is away. */
const RETRY = 100;
const isAway = (error: unknown) => error instanceof StoreError && ["unavailable", "timeout"].includes(error.code);
const isLost = (error: unknown) => error instanceof StoreError && error.code === "conflict";

/** The worker of the contract's `work`, the same over every product. */
export async function work<Claimed extends Held>(
  queue: Queue<Claimed>,
  handler: Handler<Claimed>,
  options: WorkOptions,
): Promise<WorkDone> {
  check.checkHandler(handler);
  const { concurrency, pollMs, signal, ...claim } = check.checkWork(options);
  const done: WorkDone = { succeeded: 0, failed: 0, released: 0, lost: 0 };
  const faults: unknown[] = [];
  let busy = 0;
  let wake = () => {};
  const nap = (ms?: number) =>
    new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const interrupted = () => wake();
  signal?.addEventListener("abort", interrupted);
  const ends = () => signal?.aborted || faults.length > 0;
  const begin = async (run: Claimed) => {
    busy++;
    try {
      done[await hold(queue.holding(run), run, handler, claim.leaseMs, signal)]++;
    } catch (error) {
      faults.push(error);
    } finally {
      busy--;
      wake();
    }
  };
  while (!ends()) {
    let claimed: Claimed[] = [];
    if (busy < concurrency) {
      try {
        claimed = await queue.claim({ ...claim, kinds: claim.kinds ?? undefined, limit: concurrency - busy });
      } catch (error) {
        if (!isAway(error)) faults.push(error);
      }
    }
    for (const run of claimed) void begin(run);
    // Not all at the same moments: workers that start together would go on asking together.
    if (claimed.length === 0 && !ends())
      await nap(busy < concurrency ? pollMs * (0.75 + Math.random() / 2) : undefined);
  }
  while (busy > 0) await nap();
  signal?.removeEventListener("abort", interrupted);
  if (faults.length > 0) throw faults[0];
  return done;
}

/** Works on one run; resolves to how that ended. */
async function hold<Claimed extends Held>(
  holding: Holding,
  run: Claimed,
  handler: Handler<Claimed>,
  leaseMs: number,
  stop: AbortSignal | undefined,
): Promise<keyof WorkDone> {
  const { id, lease } = run;
  const kept = keepLease(holding, run, leaseMs);
  const signal = stop ? AbortSignal.any([kept.signal, stop]) : kept.signal;
  try {
    try {
      signal.throwIfAborted();
      const checkpoint = async (state: Json) => void (await holding.checkpoint(id, lease.token, state));
      const result = ((await handler(run, { signal, checkpoint })) ?? null) as Json; // complete refuses what is none
      await insist(leaseMs, () => holding.complete(id, lease.token, result));
      return "succeeded";
    } catch (error) {
      const given = signal.aborted;
      await insist(leaseMs, () =>
        given ? holding.release(id, lease.token) : holding.fail(id, lease.token, textOf(error)).then(() => {}),
      );
      return given ? "released" : "failed";
    }
  } catch (error) {
    if (isLost(error) || isAway(error)) return "lost";
    throw error;
  } finally {
    kept.stop();
  }
}

/** Repeats what a server did not take that is away, for as long as a lease lasts: then it is another's. */
async function insist(leaseMs: number, act: () => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + leaseMs; ; await sleep(RETRY)) {
    try {
      return await act();
    } catch (error) {
      if (!isAway(error) || performance.now() > deadline) throw error;
    }
  }
}

/** Extends a lease every third of its time; its signal is aborted when that does not succeed in time. */
function keepLease(holding: Holding, { id, lease: { token } }: Held, leaseMs: number) {
  const controller = new AbortController();
  let until = performance.now() + leaseMs;
  let timer: NodeJS.Timeout | undefined;
  const lose = (cause?: unknown) => {
    const what = `The lease of run "${id}" is lost.`;
    controller.abort(new StoreError("conflict", "run", what, "Stop working on it.", cause));
  };
  const next = (ms: number) => {
    timer = setTimeout(() => void extend(), ms);
  };
  async function extend(): Promise<void> {
    const asked = performance.now();
    let again = leaseMs / 3;
    try {
      if (!(await holding.extend(id, token, leaseMs))) return lose();
      until = asked + leaseMs;
    } catch (error) {
      if (!isAway(error) || performance.now() > until) return lose(error);
      again = Math.min(again, RETRY);
    }
    if (timer) next(again);
  }
  next(leaseMs / 3);
  return {
    signal: controller.signal,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** What every product can keep of an error. */
function textOf(error: unknown): string {
  return (messageOf(error).replaceAll("\0", "").slice(0, 65_536) || "Error").toWellFormed();
}
