import { openStores, StoreError } from "../../adapters/index.ts";
import { DOCUMENTS, textOf } from "./search-kills.ts";

// Writes through one set of stores for as long as it may, and tells its parent each write that was acknowledged. Every write is repeated until it is
// acknowledged; the stores are never opened again.

export type Told =
  | { kind: "indexed"; tenant: string; ids: number[]; version: number; milliseconds: number }
  | { kind: "deleted"; tenant: string; document: number; milliseconds: number }
  | { kind: "refused"; code: string }
  | { kind: "done" };

const IDS = 400;
const [url = "", ...tenants] = process.argv.slice(2);
const stores = openStores({ SEARCH_URL: url });
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

async function write(tenant: string): Promise<void> {
  const { search } = stores.tenant(tenant);
  for (let version = 1; !stopping; version++) {
    if (version % 12 === 0) {
      const document = Math.floor(Math.random() * DOCUMENTS);
      const milliseconds = await insist(() => search.deleteByDocument(String(document)));
      tell({ kind: "deleted", tenant, document, milliseconds });
      continue;
    }
    const ids = [...new Set(Array.from({ length: 40 }, () => Math.floor(Math.random() * IDS)))];
    const entry = (id: number) => ({
      id: String(id),
      document: String(id % DOCUMENTS),
      text: textOf(id, version),
      metadata: { version },
    });
    const milliseconds = await insist(() => search.index(ids.map(entry)));
    tell({ kind: "indexed", tenant, ids, version, milliseconds });
  }
}

/** Repeats an act until it is acknowledged; resolves to how long that took. */
async function insist(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (;;) {
    try {
      await act();
      return performance.now() - started;
    } catch (error) {
      const known = error instanceof StoreError && ["unavailable", "timeout", "conflict"].includes(error.code);
      if (!known) throw error;
      tell({ kind: "refused", code: error.code });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

await Promise.all(tenants.map(write));
await stores.close();
tell({ kind: "done" });
process.disconnect();
