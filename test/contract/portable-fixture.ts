import { canonical } from "../../adapters/canonical.ts";
import type { TenantStores } from "../../adapters/index.ts";
import type { Blobs, SnapshotRecord } from "../../adapters/role.ts";
import { sha } from "./artifact-fixture.ts";
import { chunk } from "./vector-fixture.ts";

/** Names whose order by UTF-16 is another than by code point, and names that mean something to some server. */
export const NAMES = [
  "a",
  "a:b",
  "*",
  "B",
  "ä",
  "\u{1f600}",
  "\uffee",
  "\ue000",
  "a\u{10000}",
  "value:a",
  "x".repeat(400),
];

const value = (i: number) => ({ b: i, a: [null, true, 1e-7, "\u2028", { z: 1, y: "" }] });

type Fill = (stores: TenantStores) => Promise<void>;

/** What each role is filled with. Nothing of it ends before a test does. */
export const FILL: { readonly [role: string]: Fill } = {
  async vector({ vector }) {
    const small = { provider: "test", model: "two", dimensions: 2, normalised: true };
    const numbers = [-0, 1 / 3, 1e-40, -3.4e14];
    await vector.upsert([
      ...NAMES.map((id, i) =>
        chunk(id, numbers, {
          document: NAMES[i % 3],
          position: i,
          text: `text "${id}"\n\u2028`,
          metadata: { b: [1, { z: null, a: -0.5 }], a: id, "": true, 1e3: 1e21, __proto_: 0 },
        }),
      ),
      chunk("other", [0.6, 0.8], { space: small, document: "with a uri", uri: "https://example.com/ä?b#c" }),
    ]);
    await vector.upsert([chunk("other", [0.8, 0.6], { space: small, document: "b" })]); // its old document stays, empty
  },
  async session({ session }) {
    for (const [i, name] of NAMES.entries()) {
      await session.set(name, { b: i, a: [null, true, 1e-7, "\u2028"] }, i % 2 ? { ttlMs: 86_400_000 } : {});
      await session.append(name, [name, i, null], i % 2 ? { ttlMs: 86_400_000 } : {});
      await session.append(name, [{ z: 1, a: 2 }], { keep: 2 });
      await session.increment(name, i % 2 ? 9_007_199_254_740_991 : -i, i % 2 ? { ttlMs: 86_400_000 } : {});
      await session.setScore(name, NAMES[(i + 1) % NAMES.length] ?? "", i / 3 - 1);
      await session.setScore("all", name, i % 3 ? 5e-324 : -1.7976931348623157e308);
    }
    await session.set("over", 1, { ttlMs: 1 });
    await session.rateLimit("bucket", { limit: 2, windowMs: 60_000 });
    await (await session.lock("held"))?.release();
    await session.lock("held", { autoExtend: false, ttlMs: 60_000 });
  },
  async artifact({ artifact }) {
    for (const [i, name] of NAMES.filter((one) => one.length < 200 && one !== "*").entries())
      await artifact.put(`f ${i % 2}/${name}`, i % 3 ? "same content" : `of ${name}`, {
        contentType: "text/plain; charset=utf-8",
        metadata: { z: i, a: { b: null } },
        ...(i % 2 && { run: "run-1" }),
      });
    await artifact.put("empty", "");
    await artifact.put("large", Buffer.alloc(9 << 20, "0123456789"));
  },
  async memory(tenant) {
    for (const { memory } of [tenant, tenant.forRun("r")]) {
      for (const [i, key] of NAMES.entries()) {
        const more = { agent: key, source: key, expiresAt: new Date(Date.UTC(2100, 0, 1)) };
        await memory.put({ key, value: value(i), kind: NAMES[i % 3], confidence: i / 11, ...(i % 2 && more) });
      }
      await memory.put({ key: "a", value: "again" }, { actor: "ä" });
      await memory.delete({ key: "*" });
    }
  },
  async run(tenant) {
    for (const { run } of [tenant, tenant.forRun("r")]) {
      const more = { notBefore: new Date(0), maxAttempts: 2 };
      await run.createMany(
        NAMES.map((id, i) => ({ id, kind: NAMES[i % 3] ?? "", state: value(i), priority: i, parent: id, ...more })),
      );
      const [one, other] = await run.claim({ worker: "ä", limit: 3, leaseMs: 86_400_000 });
      await run.complete(one?.id ?? "", one?.lease.token ?? 0, value(0));
      await run.fail(other?.id ?? "", other?.lease.token ?? 0, "\u2028", { retryAfterMs: 86_400_000 });
    }
  },
  async event(tenant) {
    for (const { event } of [tenant, tenant.forRun("r")]) {
      for (const [i, name] of NAMES.entries()) {
        await event.append(name, [
          { type: name, data: value(i), id: name },
          { type: "second", data: null },
        ]);
        await (await event.subscribe(name, { group: NAMES[i % 3] ?? "", from: "now" }, () => {})).close();
      }
      await event.trim("a", { keep: 1 });
      await (await event.subscribe("without events", { group: "g" }, () => {})).close();
    }
  },
  async search(tenant) {
    for (const { search } of [tenant, tenant.forRun("r")])
      await search.index(
        NAMES.map((id, i) => ({
          id,
          text: `text "${id}"\n\u2028`,
          metadata: { ...value(i), "": true, 1e3: 1e21 },
          ...(i % 2 ? { title: id, document: NAMES[i % 3] } : { language: "simple" as const }),
        })),
      );
  },
};

/** Blobs in memory. */
export function memoryBlobs(): Blobs & { readonly kept: Map<string, Uint8Array>; reads: number } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    reads: 0,
    async keep(content, known) {
      const there = known === undefined ? undefined : kept.get(known);
      if (known !== undefined && there) return { sha256: known, size: there.length };
      this.reads++;
      const pieces: Uint8Array[] = [];
      for await (const piece of content()) pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      kept.set(sha(bytes), bytes);
      return { sha256: sha(bytes), size: bytes.length };
    },
    async *read(sha256) {
      const bytes = kept.get(sha256) ?? Buffer.alloc(0);
      for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
  };
}

/** Records as a snapshot writes them. */
export async function linesOf(records: AsyncIterable<SnapshotRecord>): Promise<string[]> {
  const lines: string[] = [];
  for await (const record of records) lines.push(canonical(record));
  return lines;
}

export async function* recordsOf(lines: readonly string[]): AsyncGenerator<SnapshotRecord> {
  for (const line of lines) yield JSON.parse(line) as SnapshotRecord;
}
