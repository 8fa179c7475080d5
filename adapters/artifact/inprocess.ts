import { createHash } from "node:crypto";
import { byCodePoint } from "../order.ts";
import type { Backend, Details, Given, Kept } from "./backend.ts";
import { type Content, expectHash } from "./content.ts";
import type { ByteRange, OpenArtifact } from "./contract.ts";
import { artifactAdapter } from "./store.ts";
import { refuseRange } from "./validate.ts";

type Held = Kept & { bytes: Uint8Array };

/** By URL: everything in this process that opens `inprocess:` shares one state, and `inprocess:name` another. */
const states = new Map<string, Map<string, Map<string, Held>>>();
let versions = 0;

const can = { durable: false, shared: false, presign: false, nested: true };
const why = {
  durable: "It lives in this process's memory.",
  shared: "Another process has a memory of its own.",
  presign: "There is no server that a URL could name.",
};

/** The `artifact` role in this process's memory: for tests and for trying things out. */
const open: OpenArtifact = (url, index) => {
  const tenants = states.get(url) ?? new Map<string, Map<string, Held>>();
  states.set(url, tenants);
  return artifactAdapter(backend(tenants), index);
};
export default open;

function backend(tenants: Map<string, Map<string, Held>>): Backend {
  const of = (tenant: string) => {
    const found = tenants.get(tenant) ?? new Map<string, Held>();
    tenants.set(tenant, found);
    return found;
  };
  const sorted = (tenant: string) => [...of(tenant).values()].sort((a, b) => byCodePoint(a.path, b.path));
  return {
    can,
    why,
    async put(tenant, path, content, options) {
      const held = await hold(path, content, options);
      of(tenant).set(path, held);
      return held;
    },
    async get(tenant, path, range) {
      const held = of(tenant).get(path);
      return held && { kept: held, chunks: once(cut(held, range)), close: async () => {} };
    },
    async stat(tenant, path) {
      return of(tenant).get(path);
    },
    async *list(tenant, prefix) {
      for (const held of sorted(tenant)) if (held.path.startsWith(prefix)) yield held;
    },
    async remove(tenant, paths) {
      return paths.filter((path) => of(tenant).delete(path)).length;
    },
    async ofRun(tenant, run) {
      return sorted(tenant).flatMap((held) => (held.run === run ? [held.path] : []));
    },
    async describe(tenant, path, details: Details) {
      const held = of(tenant).get(path);
      if (held?.version !== details.version) return false;
      of(tenant).set(path, { ...held, ...details });
      return true;
    },
    async details(tenant, path) {
      return of(tenant).get(path);
    },
    async tenants() {
      return [...tenants.keys()].sort();
    },
    async removeTenant(tenant) {
      const artifacts = of(tenant).size;
      tenants.delete(tenant);
      return { artifacts };
    },
    async sweep() {
      return 0;
    },
    async health() {
      return "in-process memory";
    },
    async close() {},
  };
}

/** A copy: the caller's bytes may change later. */
async function hold(path: string, content: Content, options: Given): Promise<Held> {
  const bytes = "bytes" in content ? content.bytes.slice() : await gather(content.stream);
  const sha256 = "bytes" in content ? content.sha256 : createHash("sha256").update(bytes).digest("hex");
  expectHash(path, sha256, options.sha256);
  const { contentType, run, metadata, modifiedAt = new Date() } = options;
  const version = String(++versions);
  return { path, size: bytes.length, sha256, contentType, run, metadata, modifiedAt, version, bytes };
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.slice());
  return Uint8Array.from(Buffer.concat(chunks));
}

function cut({ path, bytes }: Held, range?: ByteRange): Uint8Array {
  if (!range) return bytes;
  if (range.start >= bytes.length) refuseRange(path, range.start, bytes.length);
  return bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1);
}

/** Again a copy, or a reader could change what is kept. */
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes.slice();
}
