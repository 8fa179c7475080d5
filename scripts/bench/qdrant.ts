import { QdrantClient } from "@qdrant/js-client-rest";
import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { GRAPH_FROM_KIB, SEGMENTS } from "../../adapters/vector/qdrant-points.ts";
import { type BenchChunk, chunks, DIMENSIONS, median, nearest, vectors } from "./data.ts";
import type { Place } from "./place.ts";
import { FILTERS, holds, interleave, KNOWN, type QueryFigures } from "./query.ts";
import type { UpsertFigures } from "./upsert.ts";

const BATCH = 1_000;

/** A collection of the bench's own, filled and asked with the official client as its documentation shows: fields of the payload, one vector. */
async function byHand({ app }: Place) {
  const { server, key, timeout } = parseQdrantUrl(app);
  const client = new QdrantClient({ url: server, timeout, checkCompatibility: false, headers: { "api-key": key } });
  const name = `bench-${process.pid}`;
  await client.createCollection(name, {
    vectors: { size: DIMENSIONS, distance: "Cosine" },
    hnsw_config: { full_scan_threshold: GRAPH_FROM_KIB },
    optimizers_config: { indexing_threshold: GRAPH_FROM_KIB, default_segment_number: SEGMENTS },
  });
  for (const field_name of ["tenant", "tenth", "hundredth", "thousandth", "kind"])
    await client.createPayloadIndex(name, {
      field_name,
      field_schema: ["tenant", "kind"].includes(field_name) ? "keyword" : "integer",
      wait: true,
    });
  const is = (key: string, value: string | number) => ({ key, match: { value } });
  let points = 0;
  return {
    async upsert(tenant: string, all: readonly BenchChunk[]) {
      for (let n = 0; n < all.length; n += BATCH)
        await client.upsert(name, {
          points: all.slice(n, n + BATCH).map(({ id, document, uri, text, position, metadata, vector }) => {
            const payload = { tenant, id, document, uri, text, position, ...metadata };
            return { id: ++points, vector: Array.from(vector), payload };
          }),
        });
    },
    async query(tenant: string, probe: Float32Array, filter: Record<string, string | number> = {}) {
      const must = [is("tenant", tenant), ...Object.entries(filter).map(([key, value]) => is(key, value))];
      const asked = {
        query: Array.from(probe),
        limit: 10,
        filter: { must },
        params: { hnsw_ef: 128 },
        with_payload: true,
      };
      return (await client.query(name, asked)).points.map(({ payload }) => String(payload?.id));
    },
    empty: (tenant: string) => client.delete(name, { filter: { must: [is("tenant", tenant)] }, wait: true }),
    async settled() {
      while ((await client.getCollection(name)).status !== "green") await new Promise((done) => setTimeout(done, 100));
    },
    end: () => client.deleteCollection(name),
  };
}

/** Loads and queries of one tenant beside others, ours and by hand in turns, on the same server. */
export async function qdrantBench(
  place: Place,
  { rows, rounds, probes }: { rows: number; rounds: number; probes: number },
  progress: (text: string) => void,
): Promise<{ upsert: UpsertFigures; queries: QueryFigures[] }> {
  const space = { provider: "bench", model: `qdrant-${process.pid}`, dimensions: DIMENSIONS, normalised: true };
  const next = vectors(2);
  const tenant = `bench-${process.pid}`;
  const stores = openStores({ VECTOR_URL: place.app });
  const fleet = openFleet({ VECTOR_URL: place.fleet });
  const hand = await byHand(place);
  try {
    progress("loading");
    const load = chunks(10_000, space, next);
    const times: { ours: number; baseline: number }[] = [];
    for (let round = -1; round < rounds; round++) {
      const ours = async () => void (await stores.tenant(`${tenant}-load`).vector.upsert(load));
      const theirs = async () => {
        await hand.upsert("load", load);
        await hand.settled(); // as ours, which ends when the graph is there
      };
      const time = { ours: 0, baseline: 0 };
      for (const who of round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
        const started = performance.now();
        await (who === "ours" ? ours() : theirs());
        time[who] = performance.now() - started;
      }
      if (round >= 0) times.push(time);
      await Promise.all([fleet.deleteTenant(`${tenant}-load`), hand.empty("load")]);
    }
    progress(`making and loading ${rows} vectors`);
    const all = chunks(rows, space, next);
    const { vector } = stores.tenant(`${tenant}-query`);
    await Promise.all([vector.upsert(all), hand.upsert("query", all)]);
    await hand.settled();
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
