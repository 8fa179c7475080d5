import { openStores, StoreError } from "../../adapters/index.ts";

// Creates, claims, checkpoints and completes through one set of stores for as long as it may, and tells its parent each act that was acknowledged: the ledger is there, so that nothing
// which happens here can make it forget. An act whose answer is lost is repeated; one that took effect all the same is then refused, which `get` explains. The stores are never opened again.

export type Told =
  | { kind: "created"; id: string; milliseconds: number }
  | { kind: "claimed"; id: string; token: number; milliseconds: number }
  | { kind: "kept"; id: string; step: number; milliseconds: number }
  | { kind: "completed"; id: string; result: number; milliseconds: number }
  | { kind: "refused"; code: string }
  | { kind: "done" };

const [url = "", tenant = ""] = process.argv.slice(2);
const stores = openStores({ RUN_URL: url });
const { run } = stores.tenant(tenant);
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

/** Repeats an act until it is acknowledged, or until `done` finds that an earlier try of it took effect. */
async function insist<T>(act: () => Promise<T>, done?: () => Promise<boolean>) {
  const started = performance.now();
  const took = () => performance.now() - started;
  for (let tries = 0; ; tries++) {
    try {
      return { answer: await act(), milliseconds: took() };
    } catch (error) {
      const code = error instanceof StoreError ? error.code : "";
      if (code === "conflict" && tries > 0 && (await insist(async () => done?.())).answer)
        return { answer: undefined, milliseconds: took() };
      if (!["unavailable", "timeout"].includes(code)) throw error;
      tell({ kind: "refused", code });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function line(name: string): Promise<void> {
  for (let n = 0; !stopping; n++) {
    const id = `${name}-${n}`;
    const made = await insist(() => run.create({ id, kind: name, maxAttempts: 1_000 }));
    tell({ kind: "created", id, milliseconds: made.milliseconds });
    // A claim whose answer was lost ends soon: it is then claimed again, with another token.
    const claimed = await insist(async () => {
      const [held] = await run.claim({ worker: name, kinds: [name], leaseMs: 1_000 });
      if (!held) throw new StoreError("unavailable", "run", "Nothing is due.", "Wait for the lease to end.");
      return held;
    });
    const { id: held = "", lease } = claimed.answer ?? {};
    const token = lease?.token ?? 0;
    if (held !== id) throw new Error(`${held} was claimed where ${id} is the only one`);
    tell({ kind: "claimed", id, token, milliseconds: claimed.milliseconds });
    for (let step = 1; step <= 3; step++) {
      const kept = await insist(() => run.checkpoint(id, token, { step }));
      tell({ kind: "kept", id, step, milliseconds: kept.milliseconds });
    }
    const ended = await insist(
      () => run.complete(id, token, n),
      async () => (await run.get(id))?.status === "succeeded",
    );
    tell({ kind: "completed", id, result: n, milliseconds: ended.milliseconds });
  }
}

await Promise.all(["a", "b", "c"].map(line));
await stores.close();
tell({ kind: "done" });
process.disconnect();
