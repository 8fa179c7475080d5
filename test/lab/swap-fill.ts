import { hashEmbedder } from "../../adapters/embedder.ts";
import { openStores } from "../../adapters/index.ts";

// Fills the stores of the environment: node --env-file=… swap-fill.ts <chunks> <objects> <MiB of one more object>

const [chunks = 0, objects = 0, large = 0] = process.argv.slice(2).map(Number);
const embedder = hashEmbedder({ dimensions: 384 });
await using stores = openStores(process.env);
for (const [i, tenant] of ["acme", "beta"].entries()) {
  const own = stores.tenant(tenant); // a role without a URL must not be asked for
  const share = i === 0 ? chunks * 0.9 : chunks * 0.1;
  for (let at = 0; at < share; at += 1_000) {
    const texts = Array.from(
      { length: Math.min(1_000, share - at) },
      (_, n) => `chunk ${at + n} says ${(at + n) ** 2}`,
    );
    const vectors = await embedder.embed(texts);
    const of = (text: string, n: number) => ({
      id: `c${at + n}`,
      document: `d${(at + n) % 97}`,
      uri: `https://example.com/${(at + n) % 97}`,
      position: at + n,
      text,
      metadata: { tenth: n % 10, kind: n % 2 ? "odd" : "even", more: { n, none: null } },
      vector: vectors[n] as Float32Array,
      space: embedder.space,
    });
    await own.vector.upsert(texts.map(of));
  }
  if (process.env.MEMORY_URL) {
    const { memory } = own;
    const put = (n: number, value: unknown) => ({
      key: `k${n}`,
      value: value as never,
      kind: n % 2 ? "odd" : "even",
      source: `s${n}`,
    });
    for (let n = 0; n < 300; n++) await memory.put(put(n, { n, text: "ä" }));
    for (let n = 0; n < 60; n++) await memory.put(put(n, [n, null, 1e21]), { actor: "again" });
    for (let n = 0; n < 30; n++) await memory.delete({ key: `k${n}` }, { actor: "gone" });
    await memory.put({ ...put(301, 1), expiresAt: new Date(Date.now() + 3_600_000) });
    await memory.put({ ...put(302, 1), expiresAt: new Date(Date.now() + 50) });
  }
  if (process.env.EVENT_URL) {
    const { event } = own;
    for (const stream of ["orders", "ä/1"])
      for (let n = 0; n < 1_000; n += 50) {
        const some = Array.from({ length: 50 }, (_, k) => ({ type: "placed", data: { n: n + k }, id: `e${n + k}` }));
        await event.append(stream, some);
      }
    await event.trim("orders", { keep: 900 });
    let handled = 0;
    const worker = await event.subscribe("orders", { group: "workers" }, () => {
      if (++handled > 40) throw new Error("not now");
    });
    while (handled < 60) await new Promise((resolve) => setTimeout(resolve, 20));
    await worker.close();
  }
  if (process.env.SESSION_URL) {
    const { session } = own;
    for (let n = 0; n < 500; n++) await session.set(`k${n}`, { n, text: "ä" }, n % 2 ? { ttlMs: 3_600_000 + n } : {});
    await session.set("soon", "gone", { ttlMs: 1 });
    for (let n = 0; n < 3; n++) await (await session.lock("guard"))?.release();
    await session.append("chat", ["hello", { to: "you" }]);
    await session.increment("count", 42);
    await session.setScore("board", "one", 1 / 3);
  }
  if (process.env.ARTIFACT_URL && i === 0) {
    const { artifact } = own;
    for (let n = 0; n < objects; n++)
      await artifact.put(`runs/${n % 10}/${n}.txt`, `of ${n}`, { run: `r${n % 10}`, metadata: { n } });
    if (large) await artifact.put("large", pieces(large), { metadata: { large: true } });
  }
}

async function* pieces(count: number) {
  for (let n = 0; n < count; n++) yield Buffer.alloc(1 << 20, `${n} `);
}
