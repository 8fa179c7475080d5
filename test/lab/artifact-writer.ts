import { createHash } from "node:crypto";
import { openStores, StoreError } from "../../adapters/index.ts";

// Writes through one set of stores for as long as it may, on paths of its own, and tells its parent each change before it begins and when it was acknowledged: the ledger
// is there, so that nothing which happens here can make it forget.

export type Told =
  | { kind: "begins" | "done"; path: string /** Of the content; null: it is deleted. */; sha256: string | null }
  | { kind: "refused"; code: string; message: string }
  | { kind: "waited"; milliseconds: number }
  | { kind: "ended" };

const [url = "", index = "", tenant = "", prefix = ""] = process.argv.slice(2);
const PATHS = 8;
const RUNS = ["run-a", "run-b"];
const stores = openStores({ ARTIFACT_URL: url, ...(index && { ARTIFACT_INDEX_URL: index }) });
const { artifact } = stores.tenant(tenant);
const tell = (told: Told) => new Promise<void>((resolve) => process.send?.(told, () => resolve()));
let stopping = false;
process.on("message", () => {
  stopping = true;
});

/** Repeats an act until it is acknowledged. */
async function insist(act: () => Promise<unknown>): Promise<void> {
  for (const started = performance.now(); ; ) {
    try {
      await act();
      return await tell({ kind: "waited", milliseconds: performance.now() - started });
    } catch (error) {
      const known = error instanceof StoreError && ["unavailable", "timeout"].includes(error.code);
      if (!known) throw error;
      await tell({ kind: "refused", code: error.code, message: error.message });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1 << 18) yield bytes.subarray(at, at + (1 << 18));
}

async function write(worker: number): Promise<void> {
  const random = () => Math.random();
  for (let turn = 0; !stopping; turn++) {
    const path = `${prefix}w${worker}/${Math.floor(random() * PATHS)}.bin`;
    if (random() < 0.15) {
      await tell({ kind: "begins", path, sha256: null });
      await insist(() => artifact.delete(path));
      await tell({ kind: "done", path, sha256: null });
      continue;
    }
    // One in twelve goes up in parts.
    const bytes = new Uint8Array(random() < 0.08 ? 18 << 20 : 1 + Math.floor(random() * 60_000));
    bytes.fill(Math.floor(random() * 256));
    new DataView(bytes.buffer).setUint8(0, turn & 0xff);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const run = RUNS[Math.floor(random() * 3)];
    await tell({ kind: "begins", path, sha256 });
    await insist(() => artifact.put(path, random() < 0.5 ? bytes : pieces(bytes), { run, metadata: { worker, turn } }));
    await tell({ kind: "done", path, sha256 });
  }
}

await Promise.all([0, 1, 2, 3].map(write));
await stores.close();
await tell({ kind: "ended" });
process.disconnect();
