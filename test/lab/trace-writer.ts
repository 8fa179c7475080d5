import { setTimeout as sleep } from "node:timers/promises";
import { sendSpan } from "./span.ts";

// Sends spans, one trace each, until it is told to stop: node trace-writer.ts <endpoint>

export type Told =
  | { kind: "sent"; traceId: string; milliseconds: number }
  | { kind: "refused"; why: string }
  | { kind: "done" };

const [endpoint = ""] = process.argv.slice(2);
let stopped = false;
process.on("message", () => {
  stopped = true;
});
const tell = (told: Told) => process.send?.(told);

/** Another trace each time: one that was not acknowledged may be there all the same. */
async function insist(): Promise<string> {
  for (;;) {
    try {
      return await sendSpan(endpoint);
    } catch (error) {
      tell({ kind: "refused", why: String(error) });
      await sleep(20);
    }
  }
}

while (!stopped) {
  const started = performance.now();
  const traceId = await insist();
  tell({ kind: "sent", traceId, milliseconds: performance.now() - started });
  await sleep(2);
}
tell({ kind: "done" });
process.disconnect();
