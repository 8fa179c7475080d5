import { QdrantClient } from "@qdrant/js-client-rest";
import { parseQdrantUrl } from "../../adapters/clients/qdrant-url.ts";
import { GRAPH_FROM_KIB, SEGMENTS } from "../../adapters/vector/qdrant-points.ts";
import { BATCH, type ByHand } from "./by-hand.ts";
import { DIMENSIONS } from "./data.ts";
import type { Place } from "./place.ts";

/** A collection of the bench's own: fields of the payload, one vector. */
export async function qdrantByHand({ app }: Place): Promise<ByHand> {
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
    async upsert(tenant, all) {
      for (let n = 0; n < all.length; n += BATCH)
        await client.upsert(name, {
          points: all.slice(n, n + BATCH).map(({ id, document, uri, text, position, metadata, vector }) => {
            const payload = { tenant, id, document, uri, text, position, ...metadata };
            return { id: ++points, vector: Array.from(vector), payload };
          }),
        });
      // As ours, which ends when the graph is there.
      while ((await client.getCollection(name)).status !== "green") await new Promise((done) => setTimeout(done, 100));
    },
    async query(tenant, probe, filter = {}) {
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
    empty: (tenant) => client.delete(name, { filter: { must: [is("tenant", tenant)] }, wait: true }),
    end: () => client.deleteCollection(name),
  };
}
