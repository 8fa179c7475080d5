import { openStores, StoreError } from "../../adapters/index.ts";

// Writes through one set of stores for as long as it may, and tells its parent each write that was acknowledged: the ledger is there, so that nothing
// which happens here can make it forget. The stores are never opened again.

export type Told =
  | { kind: "set"; key: string; version: number; milliseconds: number }
  | { kind: "appended"; list: string; seq: number; version: number; milliseconds: number }
  | { kind: "counted"; counter: string; value: number; milliseconds: number }
  | { kind: "held"; lock: string; token: number; milliseconds: number }
  /** Whether the write of a refused call took effect is unknown. */
  | { kind: "refused"; of: "set" | "appended" | "counted"; code: string }
  | { kind: "done" };

const [url = "", tenant = ""] = process.argv.slice(2);
const stores = openStores({ SESSION_URL: url });
const { session } = stores.tenant(tenant);
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

/** Repeats an act until it is acknowledged. */
async function insist<T>(of: "set" | "appended" | "counted", act: () => Promise<T>) {
  const started = performance.now();
  for (;;) {
    try {
      const answer = await act();
      return { answer, milliseconds: performance.now() - started };
    } catch (error) {
      if (!(error instanceof StoreError) || !["unavailable", "timeout"].includes(error.code)) throw error;
      tell({ kind: "refused", of, code: error.code });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function set(key: string): Promise<void> {
  for (let version = 1; !stopping; version++) {
    const { milliseconds } = await insist("set", () =>
      session.set(key, { version, filler: "x".repeat(version % 500) }),
    );
    tell({ kind: "set", key, version, milliseconds });
  }
}
async function append(list: string): Promise<void> {
  for (let version = 1; !stopping; version++) {
    // Several changes of the server's in one: all of them are kept, or none.
    const messages = [version, version, version];
    const { answer, milliseconds } = await insist("appended", () => session.append(list, messages, { keep: 900_000 }));
    for (const seq of [answer.seq - 2, answer.seq - 1, answer.seq])
      tell({ kind: "appended", list, seq, version, milliseconds });
  }
}
async function count(counter: string): Promise<void> {
  while (!stopping) {
    const { answer, milliseconds } = await insist("counted", () => session.increment(counter));
    tell({ kind: "counted", counter, value: answer, milliseconds });
  }
}

/** A token that was given is never given again, whatever happens to the server. */
async function hold(lock: string): Promise<void> {
  while (!stopping) {
    const { answer, milliseconds } = await insist("set", () => session.lock(lock, { ttlMs: 100, waitMs: 1_000 }));
    if (!answer) continue;
    tell({ kind: "held", lock, token: answer.token, milliseconds });
    await insist("set", () => answer.release());
  }
}

await Promise.all([hold("o"), set("a"), set("b"), set("c"), append("l"), append("m"), count("n")]);
await stores.close();
tell({ kind: "done" });
process.disconnect();
