import { openFleet, openStores } from "../../adapters/index.ts";
import { type BenchChunk, chunks, DIMENSIONS, median, nearest, vectors } from "./data.ts";
import type { Place } from "./place.ts";
import { FILTERS, holds, interleave, KNOWN, type QueryFigures } from "./query.ts";
import type { UpsertFigures } from "./upsert.ts";

/** Chunks of one message. */
export const BATCH = 1_000;

/** The same work with the product's official client, as its documentation shows it. */
export interface ByHand {
  /** Ends when queries are as quick as they become. */
  upsert(tenant: string, all: readonly BenchChunk[]): Promise<void>;
  /** Ids of the nearest ten. */
  query(tenant: string, probe: Float32Array, filter?: Record<string, string | number>): Promise<string[]>;
  empty(tenant: string): Promise<unknown>;
  /** Removes all. */
  end(): Promise<unknown>;
}

/** Loads and queries of one tenant, ours and by hand in turns, on the same server. */
export async function besideByHand(
  place: Place,
  hand: ByHand,
  { rows, rounds, probes }: { rows: number; rounds: number; probes: number },
  progress: (text: string) => void,
): Promise<{ upsert: UpsertFigures; queries: QueryFigures[] }> {
  const space = { provider: "bench", model: `by-hand-${process.pid}`, dimensions: DIMENSIONS, normalised: true };
  const next = vectors(2);
  const tenant = `bench-${process.pid}`;
  const stores = openStores({ VECTOR_URL: place.app });
  const fleet = openFleet({ VECTOR_URL: place.fleet });
  try {
    progress("loading");
    const load = chunks(10_000, space, next);
    const times: { ours: number; baseline: number }[] = [];
    for (let round = -1; round < rounds; round++) {
      const ours = async () => void (await stores.tenant(`${tenant}-load`).vector.upsert(load));
      const time = { ours: 0, baseline: 0 };
      for (const who of round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
        const started = performance.now();
        await (who === "ours" ? ours() : hand.upsert("load", load));
        time[who] = performance.now() - started;
      }
      if (round >= 0) times.push(time);
      await Promise.all([fleet.deleteTenant(`${tenant}-load`), hand.empty("load")]);
    }
    progress(`making and loading ${rows} vectors`);
    const all = chunks(rows, space, next);
    const { vector } = stores.tenant(`${tenant}-query`);
    await Promise.all([vector.upsert(all), hand.upsert("query", all)]);
    const queries: QueryFigures[] = [];
    for (const [name, filter] of FILTERS) {
      progress(`querying, filter ${name}`);
      const { access, index } = await vector.explain({ vector: next(), topK: 10, filter });
      const asked = Array.from({ length: probes }, next);
      const passing = all.filter((one) => holds(one, filter));
      const truth = asked.slice(0, KNOWN).map((probe) => nearest(passing, probe, 10));
      const mine = async (probe: Float32Array) =>
        (await vector.query({ vector: probe, topK: 10, filter })).map(({ id }) => id);
      const { ours, baseline } = await interleave(mine, (probe) => hand.query("query", probe, filter), asked, truth);
      queries.push({
        filter: name,
        access: index ? `${access} (${index})` : access,
        ours,
        baseline: { ...baseline, by: "the official client" },
        ratio: ours.p50 / baseline.p50,
      });
    }
    const upsert = {
      ...{ rows: load.length, rounds },
      ours: median(times.map((time) => time.ours)),
      baseline: median(times.map((time) => time.baseline)),
      ratio: median(times.map((time) => time.baseline / time.ours)),
    };
    return { upsert, queries };
  } finally {
    for (const { tenant: one } of await fleet.vector.tenants())
      if (one.startsWith(tenant)) await fleet.deleteTenant(one);
    await fleet.vector.dropSpace(space);
    await Promise.all([stores.close(), fleet.close(), hand.end()]);
  }
}
