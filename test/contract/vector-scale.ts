import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import type { Chunk, VectorStore } from "../../adapters/vector/contract.ts";
import { type Filter, matches, parseFilter } from "../../adapters/vector/filter.ts";
import type { Bench } from "./bench.ts";
import { chunk, clustered, cosine } from "./vector-fixture.ts";

const DIMENSIONS = 24;
const COUNT = 6_000;
const wide = { provider: "test", model: "clustered", dimensions: DIMENSIONS, normalised: false };

export function scale(bench: () => Bench): void {
  const next = clustered(DIMENSIONS, 40, 11);
  const chunks: (Chunk & { vector: Float32Array })[] = Array.from({ length: COUNT }, (_, i) => ({
    ...chunk(`c${String(i).padStart(5, "0")}`, []),
    document: `d${i % 200}`,
    metadata: { ten: i % 10, hundred: i % 100, rank: i, ...(i % 2 ? { odd: true } : {}) },
    vector: next(),
    space: wide,
  }));
  let vector: VectorStore;
  let tenant: string;

  beforeAll(async () => {
    ({ vector, tenant } = bench().fresh());
    await vector.upsert(chunks);
  });

  const filters: (Filter | undefined)[] = [
    undefined,
    { ten: 3 },
    { hundred: 42 },
    { rank: { gte: 100, lt: 160 } },
    { odd: true, ten: { in: [1, 2, 3] } },
    { not: [{ odd: true }] },
    { rank: { gt: COUNT } },
    { not: [{ rank: { gte: 12 } }] },
    { odd: { exists: false }, hundred: { gte: 90 } },
  ];

  it.each(filters)("finds the nearest of many, with %j", async (filter) => {
    const node = filter && parseFilter(filter);
    const mine = chunks.filter((one) => !node || matches(node, one.metadata ?? {}));
    let found = 0;
    let wanted = 0;
    for (let i = 0; i < 10; i++) {
      const probe = next();
      const hits = await vector.query({ vector: probe, topK: 10, filter });
      const best = mine
        .map((one) => ({ id: one.id, score: cosine(probe, one.vector) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 10);
      expect(hits).toHaveLength(best.length);
      expect(hits.map((h) => h.score)).toEqual(hits.map((h) => h.score).sort((a, b) => b - a));
      found += hits.filter((h) => best.some((b) => b.id === h.id)).length;
      wanted += best.length;
    }
    expect(found / Math.max(1, wanted)).toBeGreaterThanOrEqual(wanted ? 0.95 : 0);
  });

  it("uses its approximate index, or says that it has none", async () => {
    const plan = await vector.explain({ vector: next(), topK: 10 });
    expect(plan).toMatchObject(
      vector.can.ann ? { access: "ann", index: expect.stringMatching(/\w/) } : { access: "exact", index: null },
    );
    if (!vector.can.ann) expect(vector.why.ann).toBeTruthy();
    expect(await vector.explain({ vector: next(), topK: 10, exact: true })).toMatchObject({
      access: "exact",
      index: null,
    });
  });

  it("answers a small tenant in full beside a large one", async () => {
    const few = bench().fresh();
    await few.vector.upsert(chunks.slice(0, 12));
    for (let i = 0; i < 8; i++) expect(await few.vector.query({ vector: next(), topK: 12 })).toHaveLength(12);
    expect(await vector.query({ vector: next(), topK: 1_000 })).toHaveLength(1_000);
    expect(await few.vector.query({ vector: next(), topK: 10 })).toHaveLength(10);
  });

  it("finds everything after most of it was deleted", async () => {
    for (let d = 3; d < 200; d++) if (d % 20) await vector.deleteByDocument(`d${d}`);
    const left = chunks.filter((one) => Number(one.document.slice(1)) < 3 || Number(one.document.slice(1)) % 20 === 0);
    expect(await vector.count()).toBe(left.length);
    expect(await vector.query({ vector: next(), topK: 1_000 })).toHaveLength(left.length);
  });

  it("is open to other processes, or says that it is not", async () => {
    const script = `
      import { openStores } from ${JSON.stringify(new URL("../../adapters/index.ts", import.meta.url).href)};
      const stores = openStores(JSON.parse(process.argv[1]));
      try { console.log(await stores.tenant(process.argv[2]).vector.count()); } catch (error) { console.log(error.code); }
      await stores.close();`;
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [
      "--input-type=module",
      "-e",
      script,
      JSON.stringify(bench().under.app),
      tenant,
    ]);
    const mine = await vector.count();
    if (vector.can.shared) expect(Number(stdout)).toBe(mine);
    else expect(["conflict", "0"]).toContain(stdout.trim());
    for (const capability of ["durable", "ann", "shared"] as const) {
      expect(Boolean(vector.why[capability]), capability).toBe(!vector.can[capability]);
    }
  });
}
