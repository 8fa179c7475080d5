import { openFleet, openStores } from "../../adapters/index.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import { baselineUpsert } from "./baseline-upsert.ts";
import { chunks, DIMENSIONS, median, vectors } from "./data.ts";
import { connected, type Place } from "./place.ts";

export interface UpsertFigures {
  rows: number;
  rounds: number;
  /** Median milliseconds. */
  ours: number;
  baseline: number;
  /** Median over rounds of baseline / ours: 1 is as fast, less is slower. */
  ratio: number;
}

/** A first load of 10,000 chunks, ours and by hand in turns, each into a fresh tenant of an otherwise equal space. */
export async function upsertBench(
  place: Place,
  rows: number,
  rounds: number,
  progress: (text: string) => void,
): Promise<UpsertFigures> {
  const spaces = ["ours", "baseline"].map((model) => ({
    provider: "bench",
    model: `load-${model}-${process.pid}`,
    dimensions: DIMENSIONS,
    normalised: true,
  }));
  const next = vectors(1);
  const [mine = [], theirs = []] = spaces.map((space) => chunks(rows, space, next));
  // Building the index takes both the same time, and longer than the load: left out here.
  const stores = openStores({ VECTOR_URL: `${place.app}${place.app.includes("?") ? "&" : "?"}index_from=999999999` });
  const fleet = openFleet({ VECTOR_URL: place.fleet });
  const client = await connected(place.app, false);
  const owner = await connected(place.admin, false);
  const times: { ours: number; baseline: number }[] = [];
  try {
    for (let round = -1; round < rounds; round++) {
      progress(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
      const tenant = `bench-${process.pid}-${round + 1}`;
      const runs = {
        ours: () => stores.tenant(`${tenant}-a`).vector.upsert(mine),
        baseline: () => baselineUpsert(client, `${tenant}-b`, theirs),
      };
      const order = round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const);
      const time = { ours: 0, baseline: 0 };
      for (const who of order) {
        const started = performance.now();
        await runs[who]();
        time[who] = performance.now() - started;
      }
      if (round >= 0) times.push(time);
      for (const who of ["a", "b"]) await fleet.deleteTenant(`${tenant}-${who}`);
      for (const table of [
        "documents",
        "chunks",
        "chunk_tags",
        ...spaces.map((s) => `chunk_vectors_${checkSpace(s).id}`),
      ]) {
        await owner.query(`vacuum (analyze) agents.${table}`);
      }
    }
  } finally {
    await Promise.all([stores.close(), fleet.close(), client.end()]);
    for (const space of spaces) await owner.query(`drop table if exists agents.chunk_vectors_${checkSpace(space).id}`);
    await owner.end();
  }
  return {
    rows,
    rounds,
    ours: median(times.map((t) => t.ours)),
    baseline: median(times.map((t) => t.baseline)),
    ratio: median(times.map((t) => t.baseline / t.ours)),
  };
}
