import { openFleet } from "../../adapters/index.ts";
import type { SnapshotRecord } from "../../adapters/role.ts";

// A process of its own, so that its memory can be bounded and measured: fills stores, exports them or imports into them. Prints the megabytes that came on top of those it had when its stores were open.

const [, , act = "", folder = "", ...urls] = process.argv;
const [VECTOR_URL, ARTIFACT_URL] = urls;
const CHUNKS = 20_000;
const ARTIFACTS = 4;
const MEBIBYTES = 50;
/** Which artifact a hash is of. */
const numbers = new Map<string, number>();

await using fleet = openFleet({ VECTOR_URL, ARTIFACT_URL });
await fleet.health();
await fleet.tenants();
const used = () => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
globalThis.gc?.();
const before = used();
let peak = before;
const timer = setInterval(() => (peak = Math.max(peak, used())), 5);

if (act === "fill") {
  await fleet.vector.import(chunks());
  await fleet.artifact.import(artifacts(), { keep: () => Promise.reject(new Error("unused")), read: content });
} else if (act === "export") {
  await fleet.export(folder);
} else {
  await fleet.import(folder);
}
clearInterval(timer);
console.log(JSON.stringify({ megabytes: Math.ceil((peak - before) / 1e6) }));

async function* chunks(): AsyncGenerator<SnapshotRecord> {
  const space = { provider: "test", model: "large", dimensions: 32, normalised: false };
  const vector = Buffer.alloc(128, 0x3f).toString("base64");
  for (let i = 0; i < CHUNKS; i++) {
    const id = String(i).padStart(6, "0");
    const text = `chunk ${id} `.repeat(200);
    yield {
      kind: "chunk",
      tenant: "large",
      id,
      document: id.slice(0, 4),
      position: i,
      text,
      metadata: {},
      vector,
      space,
    };
  }
}

async function* artifacts(): AsyncGenerator<SnapshotRecord> {
  const { createHash } = await import("node:crypto");
  for (let i = 0; i < ARTIFACTS; i++) {
    const hash = createHash("sha256");
    for await (const piece of bytes(i)) hash.update(piece);
    const [sha256, size] = [hash.digest("hex"), MEBIBYTES << 20];
    numbers.set(sha256, i);
    const more = { contentType: "application/octet-stream", run: null, metadata: {} };
    const modifiedAt = "2026-01-31T12:00:00.000000Z";
    yield { kind: "artifact", tenant: "large", path: `large-${i}`, size, sha256, modifiedAt, ...more };
  }
}

function content(sha256: string): AsyncIterable<Uint8Array> {
  return bytes(numbers.get(sha256) ?? 0);
}
async function* bytes(i: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < MEBIBYTES; piece++) yield Buffer.alloc(1 << 20, i * MEBIBYTES + piece);
}
