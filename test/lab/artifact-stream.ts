import { openStores } from "../../adapters/index.ts";

// Streams so many MiB up and down again, and prints what that took: in a process of its own, whose memory holds nothing else.

const MiB = 1 << 20;
const [variable = "", size = "0"] = process.argv.slice(2);
await using stores = openStores({ ARTIFACT_URL: process.env[variable] ?? "" });
const { artifact } = stores.tenant("stream");

const piece = new Uint8Array(MiB);
async function* content() {
  for (let i = 0; i < Number(size); i++) {
    new DataView(piece.buffer).setUint32(0, i);
    yield piece.slice();
  }
}

async function measured(work: () => Promise<void>) {
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  const started = performance.now();
  await work();
  clearInterval(look);
  return { seconds: (performance.now() - started) / 1000, peak: Math.round(peak / MiB) };
}

const begun = Math.round(process.memoryUsage().rss / MiB);
const up = await measured(async () => void (await artifact.put("long", content())));
const down = await measured(async () => {
  const got = await artifact.get("long"); // checked against its hash while it flows
  for await (const _ of got?.body ?? []);
});
await artifact.delete("long");
console.log(JSON.stringify({ begun, up, down }));
