import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { Client } from "minio";
import { parseS3Url } from "../../adapters/clients/s3-url.ts";
import { openStores } from "../../adapters/index.ts";

// One transfer in a process that does nothing else. Tells its parent how long it took, and how much memory this process had before and in all.

export interface Measured {
  seconds: number;
  /** Most bytes that the process ever had in memory. */
  memory: number;
  /** The same, before the first byte of the content: Node, the programs and the client. */
  begun: number;
}

/** What the store uploads with. */
const PART = 8 << 20;
const [who = "", way = "", tenant = "", size = "0"] = process.argv.slice(2);
const url = process.env.BENCH_URL ?? "";
const bytes = Number(size);
const path = "long";
let begun = 0;

/** Always the same piece: making others would take as long as sending them. */
const piece = Buffer.from(Uint8Array.from({ length: 65_536 }, (_, i) => (i * 2654435761) >>> 24));

async function* source(): AsyncGenerator<Buffer> {
  begun = mostMemory();
  for (let at = 0; at < bytes; at += piece.length) yield piece.subarray(0, Math.min(piece.length, bytes - at));
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  let read = 0;
  for await (const chunk of stream) {
    begun ||= mostMemory();
    read += chunk.length;
  }
  if (read !== bytes) throw new Error(`${read} of ${bytes} bytes came`);
}

async function ours(): Promise<void> {
  await using stores = openStores({ ARTIFACT_URL: url });
  const { artifact } = stores.tenant(tenant);
  if (way === "up") await artifact.put(path, source());
  else await drain((await artifact.get(path))?.body ?? new ReadableStream());
}

async function baseline(): Promise<void> {
  const { host, port, tls, region, accessKey, secretKey, bucket } = parseS3Url(url);
  const at = { endPoint: host, port, useSSL: tls, region, accessKey, secretKey };
  const client = new Client({ ...at, pathStyle: true, partSize: PART });
  const key = `${tenant}/bare/${path}`;
  if (way === "up") await client.putObject(bucket, key, Readable.from(source(), { objectMode: false }));
  else await drain(await client.getObject(bucket, key));
}

/** The kernel's own mark where there is one; a process inherits the other from its parent. */
function mostMemory(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

const started = performance.now();
await (who === "ours" ? ours() : baseline());
const seconds = (performance.now() - started) / 1000;
process.send?.({ seconds, memory: mostMemory(), begun } satisfies Measured, () => process.exit());
