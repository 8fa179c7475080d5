import { openStores, StoreError } from "../../adapters/index.ts";
import type { Chunk } from "../../adapters/vector/contract.ts";

// Writes through one set of stores for as long as it may, and tells its parent each write that was acknowledged: the ledger is there, so that nothing
// which happens here can make it forget. Every write is repeated until it is acknowledged; the stores are never opened again.

export type Told =
  | { kind: "written"; tenant: string; ids: number[]; version: number; milliseconds: number }
  | { kind: "deleted"; tenant: string; document: number; milliseconds: number }
  | { kind: "refused"; code: string; message: string }
  | { kind: "done" };

const IDS = 400;
const DOCUMENTS = 20;
const DIMENSIONS = 32;
const space = { provider: "lab", model: "durability", dimensions: DIMENSIONS, normalised: false };
const [url = "", ...tenants] = process.argv.slice(2);
const stores = openStores({ VECTOR_URL: url });
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

function chunk(id: number, version: number): Chunk {
  const vector = Float32Array.from({ length: DIMENSIONS }, (_, i) => Math.sin(id * 31 + i) + version / 1e6);
  const text = `version ${version} of ${id}`;
  return { id: String(id), document: String(id % DOCUMENTS), text, position: id, metadata: { version }, vector, space };
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
      tell({ kind: "refused", code: error.code, message: error.message });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function write(tenant: string): Promise<void> {
  const { vector } = stores.tenant(tenant);
  for (let version = 1; !stopping; version++) {
    if (version % 12 === 0) {
      const document = Math.floor(Math.random() * DOCUMENTS);
      const milliseconds = await insist(() => vector.deleteByDocument(String(document)));
      tell({ kind: "deleted", tenant, document, milliseconds });
      continue;
    }
    const ids = [...new Set(Array.from({ length: 40 }, () => Math.floor(Math.random() * IDS)))];
    const milliseconds = await insist(() => vector.upsert(ids.map((id) => chunk(id, version))));
    tell({ kind: "written", tenant, ids, version, milliseconds });
  }
}

await Promise.all(tenants.map(write));
await stores.close();
tell({ kind: "done" });
process.disconnect();
