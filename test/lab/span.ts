import { randomBytes } from "node:crypto";

/** Sends a trace of one span, as an SDK would but that the answer is looked at, and resolves to its id when it was acknowledged. */
export async function sendSpan(endpoint: string, traceId = randomBytes(16).toString("hex")): Promise<string> {
  const now = `${Date.now()}000000`;
  const spanId = randomBytes(8).toString("hex");
  const span = { traceId, spanId, name: "kept", startTimeUnixNano: now, endTimeUnixNano: now };
  const answer = await fetch(`${endpoint}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
  return traceId;
}
