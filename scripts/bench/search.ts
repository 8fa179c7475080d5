import pg from "pg";
import { openFleet, openStores } from "../../adapters/index.ts";
import { median } from "./data.ts";
import { connected, type Place } from "./place.ts";
import { baseline, makeBaseline } from "./search-baseline.ts";
import { entries } from "./search-data.ts";

export interface SearchFigures {
  what: string;
  /** Milliseconds, the median of all rounds. */
  ours: number;
  baseline: number;
  /** Median of the rounds' ratios, ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

const QUERIES = [
  ["one word", "needle"],
  ["two words", "needle everywhere"],
  ["phrase", '"needle thread"'],
  ["typo", "neelde"],
  ["word of every second entry", "everywhere"],
] as const;
const INDEXED = 10_000;

/**
 * Loads of 10,000 entries, then queries among many, ours and by hand in turns, beside 20 small tenants in the same tables. By hand the words that typos are
 * mended with are collected once, after the load; ours keeps them while entries are written.
 */
export async function searchBench(
  place: Place,
  rows: number,
  rounds: number,
  probes: number,
  progress: (text: string) => void,
): Promise<SearchFigures[]> {
  const run = `bench-${process.pid}-search`;
  const table = `bench_search_${process.pid}`;
  const stores = openStores({ SEARCH_URL: place.app });
  const fleet = openFleet({ SEARCH_URL: place.fleet });
  const owner = await connected(place.admin, false);
  const client = await connected(place.fleet, true);
  try {
    await makeBaseline(owner, pg.escapeIdentifier(new URL(place.fleet).username), table);
    const figures = [await loads(run, table)];
    const tenants = Array.from({ length: 20 }, (_, i) => `${run}-small-${i}`);
    for (const [i, tenant] of [...tenants, run].entries()) {
      const given = tenant === run ? entries(rows, 1) : entries(200, i + 2);
      progress(`loading ${given.length} entries`);
      await stores.tenant(tenant).search.index(given);
      await baseline(client, tenant, table).index(given);
    }
    await baseline(client, run, table).collect();
    for (const name of ["agents.search_documents", "agents.search_lexemes", "agents.search_words"])
      await owner.query(`vacuum (analyze) ${name}`);
    await owner.query(`vacuum (analyze) public.${table}, public.${table}_words`);
    await client.query("set pg_trgm.similarity_threshold = 0.2");
    // A plan for any parameters would read all of the tenant by its key, too, and parse the query again for each row.
    await client.query("set plan_cache_mode = force_custom_plan");
    await client.query("set max_parallel_workers_per_gather = 0");
    for (const [what, text] of QUERIES) figures.push(await queries(run, table, what, text));
    return figures;
  } finally {
    for (const { tenant } of await fleet.search.tenants()) if (tenant.startsWith(run)) await fleet.deleteTenant(tenant);
    await owner.query(`drop table if exists public.${table}, public.${table}_words`);
    await Promise.all([stores.close(), fleet.close(), owner.end(), client.end()]);
  }

  async function loads(run: string, table: string): Promise<SearchFigures> {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      progress(`indexing ${INDEXED}, round ${round + 1}`);
      const given = entries(INDEXED, 100 + round);
      const tenant = `${run}-load-${round}`;
      const turns = [
        async () => ours.push(await timed(() => stores.tenant(tenant).search.index(given))),
        async () => theirs.push(await timed(() => baseline(client, tenant, table).index(given))),
      ];
      for (const turn of round % 2 ? turns : turns.reverse()) await turn();
    }
    return figure(`index ${INDEXED / 1_000}k`, ours, theirs);
  }

  async function queries(tenant: string, table: string, what: string, text: string): Promise<SearchFigures> {
    progress(`querying, ${what}`);
    const { search } = stores.tenant(tenant);
    const byHand = baseline(client, tenant, table);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let i = -5; i < probes; i++) {
      const found = { mine: 0, byHand: 0 };
      const turns = [
        () => timed(async () => (found.mine = (await search.query({ text })).hits.length)),
        () => timed(async () => (found.byHand = (await byHand.mended(text)).length)),
      ];
      const took = [0, 0];
      for (const who of i % 2 ? [0, 1] : [1, 0]) took[who] = await (turns[who] as (typeof turns)[number])();
      if (found.mine !== found.byHand) throw new Error(`${what}: ${found.mine} hits, by hand ${found.byHand}`);
      if (i < 0) continue; // these prepare
      ours.push(took[0] as number);
      theirs.push(took[1] as number);
    }
    return figure(what, ours, theirs);
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

function figure(what: string, ours: number[], theirs: number[]): SearchFigures {
  const ratios = ours.map((one, i) => one / (theirs[i] as number));
  return { what, ours: median(ours), baseline: median(theirs), ratio: median(ratios) };
}
