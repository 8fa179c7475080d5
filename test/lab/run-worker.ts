import { setTimeout as sleep } from "node:timers/promises";
import { openStores } from "../../adapters/index.ts";

// Some of many workers, in a process that may be killed at any moment. Tells its parent each claim before it works on it, so that the parent knows what a dead one held.

export type Told =
  | { kind: "began"; id: string; worker: string; attempt: number; token: number; claimedAt: number; until: number }
  | { kind: "done"; succeeded: number; failed: number; lost: number };

const [url = "", tenant = "", name = "", workers = "", leaseMs = "", most = ""] = process.argv.slice(2);
const stores = openStores({ RUN_URL: url });
const { run } = stores.tenant(tenant);
const stopped = new AbortController();
process.on("message", () => stopped.abort());

/** Told when the parent has it: a claim that a dead process kept to itself would look like one that was never made. */
const tell = (told: Told) =>
  new Promise<void>((resolve, reject) => process.send?.(told, (error) => (error ? reject(error) : resolve())));

const all = await Promise.all(
  Array.from({ length: Number(workers) }, (_, n) =>
    run.work(
      async ({ id, attempt, updatedAt, lease }) => {
        const { token, worker } = lease ?? { token: 0, worker: "" };
        const times = { claimedAt: updatedAt.getTime(), until: lease?.until.getTime() ?? 0 };
        await tell({ kind: "began", id, worker, attempt, token, ...times });
        await sleep(Math.random() * Number(most));
        return { by: worker, token };
      },
      { worker: `${name}-${n}`, leaseMs: Number(leaseMs), pollMs: 50, signal: stopped.signal },
    ),
  ),
);
const sum = (of: "succeeded" | "failed" | "lost") => all.reduce((total, one) => total + one[of], 0);
await stores.close();
await tell({ kind: "done", succeeded: sum("succeeded"), failed: sum("failed"), lost: sum("lost") });
process.disconnect();
