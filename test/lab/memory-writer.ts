import { openStores, StoreError } from "../../adapters/index.ts";

// Writes through one set of stores for as long as it may, and tells its parent each write that was acknowledged: the ledger is there, so that nothing
// which happens here can make it forget. Every write is repeated until it is acknowledged; the stores are never opened again.

export type Told =
  | { kind: "put"; keys: string[]; n: number; milliseconds: number }
  | { kind: "deleted"; key: string; milliseconds: number }
  | { kind: "refused"; code: string }
  | { kind: "done" };

/** Keys that are always put together. */
const TOGETHER = Array.from({ length: 20 }, (_, n) => `together/${n}`);
const [url = "", tenant = ""] = process.argv.slice(2);
const stores = openStores({ MEMORY_URL: url });
const { memory } = stores.tenant(tenant);
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

/** Repeats an act until it is acknowledged; resolves to how long that took. */
async function insist(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (;;) {
    try {
      await act();
      return performance.now() - started;
    } catch (error) {
      if (!(error instanceof StoreError) || !["unavailable", "timeout"].includes(error.code)) throw error;
      tell({ kind: "refused", code: error.code });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const fact = (key: string, n: number) => ({ key, value: { n, says: `number${n} of some words` } });

async function single(key: string): Promise<void> {
  for (let n = 1; !stopping; n++) {
    tell({ kind: "put", keys: [key], n, milliseconds: await insist(() => memory.put(fact(key, n))) });
    if (n % 7 === 0) tell({ kind: "deleted", key, milliseconds: await insist(() => memory.delete({ key })) });
  }
}

async function together(): Promise<void> {
  for (let n = 1; !stopping; n++) {
    const milliseconds = await insist(() => memory.putMany(TOGETHER.map((key) => fact(key, n))));
    tell({ kind: "put", keys: TOGETHER, n, milliseconds });
  }
}

await Promise.all([single("a"), single("b"), single("c"), together()]);
await stores.close();
tell({ kind: "done" });
process.disconnect();
