import { openFleet, openStores } from "../../adapters/index.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import { baselineUpsert } from "./baseline-upsert.ts";
import { chunks, DIMENSIONS, median, vectors } from "./data.ts";
import { connected, type Place } from "./place.ts";

export interface FirstLoadFigures {
  /** Median milliseconds, for rows and index. */
  ours: number;
  baseline: number;
  /** Median over rounds of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

/**
 * The first load of a space, which ends with its approximate index, ours and by hand in turns. By hand, rows come as in the bench of upserts, and the
 * owner builds the index when they are there, with the same settings of the same server.
 */
export async function firstLoadBench(
  place: Place,
  rows: number,
  rounds: number,
  progress: (text: string) => void,
): Promise<FirstLoadFigures> {
  const run = `bench-${process.pid}-first`;
  const given = chunks(rows, spaceOf(run), vectors(3));
  const stores = openStores({ VECTOR_URL: place.app });
  const fleet = openFleet({ VECTOR_URL: place.fleet });
  const client = await connected(place.app, false);
  const owner = await connected(place.admin, false);
  const ways = {
    ours: (name: string, load: typeof given) => stores.tenant(name).vector.upsert(load),
    async baseline(name: string, load: typeof given) {
      await baselineUpsert(client, name, load);
      await owner.query(
        `create index on ${partOf(name)} using hnsw ((embedding::vector(${DIMENSIONS})) vector_cosine_ops)`,
      );
    },
  };
  const times: Record<keyof typeof ways, number>[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      progress(`first load of ${rows}, round ${round + 1} of ${rounds}`);
      const time = { ours: 0, baseline: 0 };
      for (const who of round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
        const name = `${run}-${round}-${who}`;
        const load = given.map((one) => ({ ...one, space: spaceOf(name) }));
        const started = performance.now();
        await ways[who](name, load);
        time[who] = performance.now() - started;
        await clean(name);
      }
      times.push(time);
    }
  } finally {
    for (const { tenant } of await fleet.vector.tenants()) if (tenant.startsWith(run)) await clean(tenant);
    await Promise.all([stores.close(), fleet.close(), client.end(), owner.end()]);
  }
  return {
    ours: median(times.map(({ ours }) => ours)),
    baseline: median(times.map(({ baseline }) => baseline)),
    ratio: median(times.map(({ ours, baseline }) => ours / baseline)),
  };

  /** What one load leaves must not slow the next one down. */
  async function clean(name: string): Promise<void> {
    await fleet.deleteTenant(name);
    await owner.query(`drop table if exists ${partOf(name)}`);
    for (const table of ["documents", "chunks", "chunk_tags"]) await owner.query(`vacuum (analyze) agents.${table}`);
  }
}

/** A tenant's space has its name, so that each load is the first of its space. */
const spaceOf = (tenant: string) => ({ provider: "bench", model: tenant, dimensions: DIMENSIONS, normalised: true });
const partOf = (tenant: string) => `agents.chunk_vectors_${checkSpace(spaceOf(tenant)).id}`;
