import { openStores, StoreError } from "../../adapters/index.ts";

// Appends through one set of stores for as long as it may, and tells its parent each append that was acknowledged. One whose answer was lost is sent again under the same
// ids; the stores are never opened again.

export type Told =
  | { kind: "appended"; stream: string; from: number; to: number; milliseconds: number }
  | { kind: "refused" }
  | { kind: "done" };

const [url = "", tenant = "", ...streams] = process.argv.slice(2);
const stores = openStores({ EVENT_URL: url });
const { event } = stores.tenant(tenant);
const tell = (told: Told) => process.send?.(told);
let stopping = false;
process.on("message", () => {
  stopping = true;
});

async function insist<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const away = error instanceof StoreError && ["unavailable", "timeout"].includes(error.code);
      if (!away) throw error;
      tell({ kind: "refused" });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function write(stream: string): Promise<void> {
  for (let version = 0; !stopping; ) {
    const count = 1 + Math.floor(Math.random() * 4);
    const batch = Array.from({ length: count }, (_, at) => {
      const n = version + 1 + at;
      return { type: "counted", data: { n }, id: `${stream}-${n}` };
    });
    const started = performance.now();
    const answer = await insist(() => event.append(stream, batch, { expectedVersion: version }));
    if (answer.version !== version + count)
      throw new Error(`${stream} is at ${answer.version}, not ${version + count}`);
    tell({
      kind: "appended",
      stream,
      from: version + 1,
      to: answer.version,
      milliseconds: performance.now() - started,
    });
    version = answer.version;
  }
}

await Promise.all(streams.map(write));
await stores.close();
tell({ kind: "done" });
process.disconnect();
