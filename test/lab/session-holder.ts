import { setTimeout as sleep } from "node:timers/promises";
import { openStores, StoreError } from "../../adapters/index.ts";

// Takes a lock and writes under it, and does not look whether it was lost meanwhile: what a careless program does that was paused. The store must notice.

export type Told = { kind: "holding"; token: number } | { kind: "accepted" | "refused"; token: number };

const [url = "", tenant = "", who = ""] = process.argv.slice(2);
const stores = openStores({ SESSION_URL: url });
const { session } = stores.tenant(tenant);
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

while (!stopping) {
  const lock = await session.lock("shared", { ttlMs: 300, waitMs: 60_000 });
  if (!lock) continue;
  const { token } = lock;
  tell({ kind: "holding", token });
  for (let n = 0; n < 25; n++) {
    await sleep(10);
    try {
      await session.set("shared", { token, who, n }, { fence: lock });
      tell({ kind: "accepted", token });
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "conflict") throw error;
      tell({ kind: "refused", token });
      break;
    }
  }
  await lock.release();
}
await stores.close();
process.disconnect();
