import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../errors.ts";
import type { Acquired, SessionBackend } from "./backend.ts";
import type { Lock, LockOptions } from "./contract.ts";

type Locks = Pick<SessionBackend, "acquire" | "extend" | "release">;

/** Asks for a lock until it is given or `waitMs` is over; undefined then. */
export async function takeLock(
  locks: Locks,
  name: string,
  { ttlMs, waitMs, autoExtend }: Required<LockOptions>,
): Promise<Lock | undefined> {
  const deadline = performance.now() + waitMs;
  for (let pause = 4; ; pause = Math.min(pause * 1.5, 100)) {
    const asked = performance.now();
    const answer: Acquired = await locks.acquire(name, ttlMs);
    if ("token" in answer) return heldLock(locks, name, answer.token, ttlMs, autoExtend, asked);
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    // At random, or those who wait would all come back at once.
    await sleep(Math.min(left, answer.busyMs + 1, pause * (0.5 + Math.random())));
  }
}

/** `asked` is when the store was asked: its time began no earlier, so that this side never believes in it longer than the store does. */
function heldLock(locks: Locks, name: string, token: number, ttlMs: number, autoExtend: boolean, asked: number): Lock {
  const lost = new AbortController();
  let ending: Promise<boolean> | undefined;
  let end = asked + ttlMs;
  let expiry: NodeJS.Timeout;
  let next: NodeJS.Timeout | undefined;

  const stop = () => {
    clearTimeout(expiry);
    clearTimeout(next);
  };
  const lose = () => {
    stop();
    if (ending || lost.signal.aborted) return;
    const what = `The lock "${name}" is lost.`;
    lost.abort(
      new StoreError("conflict", "session", what, "Stop what it guards; a fenced write is refused from now on."),
    );
  };
  const startExpiry = () => {
    clearTimeout(expiry);
    expiry = setTimeout(lose, Math.max(0, end - performance.now())).unref();
  };
  const over = () => ending !== undefined || lost.signal.aborted;

  async function extend(): Promise<boolean> {
    if (over()) return false;
    const sent = performance.now();
    const held = await locks.extend(name, token, ttlMs);
    if (over()) return false;
    if (!held) {
      lose();
      return false;
    }
    end = sent + ttlMs;
    startExpiry();
    return true;
  }
  /** A store that does not answer is asked again until the time is over. */
  function extendLater(milliseconds: number): void {
    if (!autoExtend || over()) return;
    next = setTimeout(() => {
      extend().then(
        (held) => held && extendLater(ttlMs / 3),
        () => extendLater(ttlMs / 12),
      );
    }, milliseconds).unref();
  }
  async function release(): Promise<boolean> {
    const before = lost.signal.aborted;
    ending ??= locks.release(name, token);
    stop();
    try {
      return (await ending) && !before;
    } catch (error) {
      ending = undefined; // to be tried again; its time runs out in any case
      throw error;
    }
  }

  startExpiry();
  extendLater(Math.max(0, asked + ttlMs / 3 - performance.now()));
  return {
    lock: name,
    token,
    signal: lost.signal,
    extend,
    release,
    async [Symbol.asyncDispose]() {
      await release();
    },
  };
}
