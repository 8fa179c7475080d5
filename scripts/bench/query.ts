import { openFleet, openStores } from "../../adapters/index.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import { bestByHand, type Search } from "./baseline-query.ts";
import { type BenchChunk, chunks, DIMENSIONS, median, nearest, percentile, vectors } from "./data.ts";
import { connected, type Place } from "./place.ts";

export interface QueryFigures {
  filter: string;
  /** How the store chose to answer. */
  access: string;
  ours: { p50: number; p95: number; recall: number };
  baseline: { p50: number; p95: number; recall: number; by: string };
  /** Ratio of the medians, ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

export const FILTERS: [name: string, filter: Record<string, number | string> | undefined][] = [
  ["none", undefined],
  ["50 %", { kind: "note" }],
  ["10 %", { tenth: 3 }],
  ["1 %", { hundredth: 42 }],
  ["0.1 %", { thousandth: 542 }],
];
/** Of so many probes the true neighbours are looked up. */
export const KNOWN = 60;

/** Top 10 of clustered vectors of one tenant, ours and by hand in turns, beside 20 small tenants in the same tables. */
export async function queryBench(
  place: Place,
  rows: number,
  probes: number,
  progress: (text: string) => void,
): Promise<QueryFigures[]> {
  const space = { provider: "bench", model: `query-${process.pid}`, dimensions: DIMENSIONS, normalised: true };
  const { id } = checkSpace(space);
  const tenant = `bench-${process.pid}-query`;
  const next = vectors(2);
  progress(`making ${rows} vectors`);
  const all = chunks(rows, space, next);
  const stores = openStores({ VECTOR_URL: place.app });
  const fleet = openFleet({ VECTOR_URL: place.fleet });
  const client = await connected(place.app, true);
  const owner = await connected(place.admin, false);
  try {
    const small = chunks(200, space, next);
    const others = Array.from({ length: 20 }, (_, i) => `bench-${process.pid}-small-${i}`);
    for (const other of others) await stores.tenant(other).vector.upsert(small);
    progress(`loading ${rows} chunks and building the index`);
    const { vector } = stores.tenant(tenant);
    await vector.upsert(all);
    for (const table of [`chunk_vectors_${id}`, "documents", "chunks", "chunk_tags"])
      await owner.query(`vacuum (analyze) agents.${table}`);
    const figures: QueryFigures[] = [];
    for (const [name, filter] of FILTERS) {
      progress(`querying, filter ${name}`);
      const { access, index } = await vector.explain({ vector: next(), topK: 10, filter });
      const mine = async (probe: Float32Array) =>
        (await vector.query({ vector: probe, topK: 10, filter })).map((hit) => hit.id);
      const asked = Array.from({ length: probes }, next);
      const passing = all.filter((one) => holds(one, filter));
      const truth = asked.slice(0, KNOWN).map((probe) => nearest(passing, probe, 10));
      const { by, search } = await bestByHand(client, { tenant, space: id, filter, topK: 10 }, asked, truth);
      const { ours, baseline } = await interleave(mine, search, asked, truth);
      figures.push({
        filter: name,
        access: index ? `${access} (hnsw)` : access,
        ours,
        baseline: { ...baseline, by },
        ratio: ours.p50 / baseline.p50,
      });
    }
    return figures;
  } finally {
    await client.end();
    for (const { tenant: one } of await fleet.vector.tenants())
      if (one.startsWith(`bench-${process.pid}-`)) await fleet.deleteTenant(one);
    await Promise.all([stores.close(), fleet.close()]);
    await owner.query(`drop table if exists agents.chunk_vectors_${id}`);
    await owner.end();
  }
}

export const holds = (one: BenchChunk, filter: Record<string, number | string> | undefined) =>
  Object.entries(filter ?? {}).every(([key, value]) => one.metadata[key as "tenth"] === value);

export async function interleave(ours: Search, baseline: Search, probes: Float32Array[], truth: string[][]) {
  const measure = { ours: [] as number[], baseline: [] as number[] };
  const found = { ours: 0, baseline: 0 };
  for (const [i, probe] of probes.entries()) {
    const order = i % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const);
    for (const who of order) {
      const started = performance.now();
      const ids = await (who === "ours" ? ours : baseline)(probe);
      if (i >= 10) measure[who].push(performance.now() - started); // the first ones prepare
      const right = truth[i];
      if (right) found[who] += ids.filter((id) => right.includes(id)).length;
    }
  }
  const wanted = truth.reduce((sum, ids) => sum + ids.length, 0);
  const figures = (who: "ours" | "baseline") => ({
    p50: median(measure[who]),
    p95: percentile(measure[who], 0.95),
    recall: found[who] / wanted,
  });
  return { ours: figures("ours"), baseline: figures("baseline") };
}
