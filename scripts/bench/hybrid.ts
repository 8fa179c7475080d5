import pg from "pg";
import { hybrid, openFleet, openStores } from "../../adapters/index.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import { bestByHand } from "./baseline-query.ts";
import { DIMENSIONS, median, nearest, vectors } from "./data.ts";
import { connected, type Place } from "./place.ts";
import { baseline, makeBaseline } from "./search-baseline.ts";
import { type BenchEntry, entries, word } from "./search-data.ts";

export interface HybridFigures {
  /** Milliseconds, the medians. */
  ours: number;
  baseline: number;
  /** Median over the queries of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
  /** Share of the hits by hand that ours are too. */
  same: number;
}

const TOP = 10;
/** So many of each are fused, as `hybrid` does. */
const DEPTH = 50;
const K = 60;
/** Two words that some sixty of 20,000 entries have both. */
const TEXT = `${word(100)} ${word(300)}`;
const KNOWN = 40;

/**
 * The best ten of entries with vectors by words and by meaning, ours and by hand in turns, beside 20 small tenants in the same tables. By hand: two bare
 * statements at once, each on a connection of its own, and the same fusion of what they find.
 */
export async function hybridBench(
  place: Place,
  rows: number,
  probes: number,
  progress: (text: string) => void,
): Promise<HybridFigures> {
  const run = `bench-${process.pid}-hybrid`;
  const table = `bench_hybrid_${process.pid}`;
  const space = { provider: "bench", model: run, dimensions: DIMENSIONS, normalised: true };
  const part = `agents.chunk_vectors_${checkSpace(space).id}`;
  const next = vectors(4);
  const stores = openStores({ SEARCH_URL: place.app, VECTOR_URL: place.app });
  const fleet = openFleet({ SEARCH_URL: place.fleet, VECTOR_URL: place.fleet });
  const owner = await connected(place.admin, false);
  const client = await connected(place.app, true);
  const words = await connected(place.fleet, true);
  try {
    await makeBaseline(owner, pg.escapeIdentifier(new URL(place.fleet).username), table);
    for (let n = 0; n < 20; n++) await load(`${run}-small-${n}`, entries(200, n + 2));
    progress(`loading ${rows} entries with vectors`);
    const chunks = await load(run, entries(rows, 1));
    for (const name of ["search_documents", "search_lexemes", "search_words", "documents", "chunks", "chunk_tags"])
      await owner.query(`vacuum (analyze) agents.${name}`);
    await owner.query(`vacuum (analyze) ${part}, public.${table}`);
    // Planned for its own words: the plan for any words reads all keys of the tenant too.
    await words.query("set max_parallel_workers_per_gather = 0; set plan_cache_mode = force_custom_plan");
    progress("querying by words and by meaning");
    const asked = Array.from({ length: probes }, next);
    const truth = asked.slice(0, KNOWN).map((probe) => nearest(chunks, probe, DEPTH));
    const search = { tenant: run, space: checkSpace(space).id, topK: DEPTH };
    const byMeaning = await bestByHand(client, search, asked, truth);
    const byWords = baseline(words, run, table);
    const tenant = stores.tenant(run);
    return await inTurns(asked, {
      ours: async (vector) => (await hybrid(tenant, { text: TEXT, vector, topK: TOP })).hits.map(({ id }) => id),
      baseline: async (vector) =>
        fused(await Promise.all([byMeaning.search(vector), byWords.find(TEXT, DEPTH)])).slice(0, TOP),
    });
  } finally {
    const tenants = [...(await fleet.search.tenants()), ...(await fleet.vector.tenants())];
    for (const one of new Set(tenants.map(({ tenant }) => tenant)))
      if (one.startsWith(run)) await fleet.deleteTenant(one);
    await owner.query(`drop table if exists ${part}, public.${table}, public.${table}_words`);
    await Promise.all([stores.close(), fleet.close(), owner.end(), client.end(), words.end()]);
  }

  /** Entries, and chunks of the same ids. */
  async function load(name: string, given: BenchEntry[]) {
    const chunks = given.map((one, position) => ({
      ...one,
      document: one.document ?? one.id,
      position,
      space,
      vector: next(),
    }));
    await stores.tenant(name).search.index(given);
    await stores.tenant(name).vector.upsert(chunks);
    await baseline(words, name, table).index(given);
    return chunks;
  }
}

/** Ids by reciprocal ranks, best first; equal ones by id. */
function fused(answers: string[][]): string[] {
  const scores = new Map<string, number>();
  for (const ids of answers)
    for (const [at, id] of ids.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (K + at + 1));
  return [...scores].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).map(([id]) => id);
}

type Way = (vector: Float32Array) => Promise<string[]>;

async function inTurns(probes: Float32Array[], ways: Record<"ours" | "baseline", Way>): Promise<HybridFigures> {
  const times = { ours: [] as number[], baseline: [] as number[] };
  let [same, all] = [0, 0];
  for (const [i, probe] of probes.entries()) {
    const found: Partial<Record<keyof typeof ways, string[]>> = {};
    for (const who of i % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
      const started = performance.now();
      found[who] = await ways[who](probe);
      if (i >= 10) times[who].push(performance.now() - started); // the first ones prepare
    }
    const { ours = [], baseline = [] } = found;
    same += baseline.filter((id) => ours.includes(id)).length;
    all += baseline.length;
  }
  return {
    ours: median(times.ours),
    baseline: median(times.baseline),
    ratio: median(times.ours.map((one, i) => one / (times.baseline[i] as number))),
    same: same / all,
  };
}
