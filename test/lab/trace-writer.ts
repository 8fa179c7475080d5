import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

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

/** As an SDK would, but that the answer is looked at. */
async function send(traceId: string): Promise<void> {
  const now = `${Date.now()}000000`;
  const span = {
    traceId,
    spanId: randomBytes(8).toString("hex"),
    name: "kept",
    startTimeUnixNano: now,
    endTimeUnixNano: now,
  };
  const answer = await fetch(`${endpoint}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
}

while (!stopped) {
  const traceId = randomBytes(16).toString("hex");
  const started = performance.now();
  for (let sent = false; !sent; )
    try {
      await send(traceId);
      sent = true;
    } catch (error) {
      tell({ kind: "refused", why: String(error) });
      await sleep(20);
    }
  tell({ kind: "sent", traceId, milliseconds: performance.now() - started });
  await sleep(2);
}
tell({ kind: "done" });
process.disconnect();
