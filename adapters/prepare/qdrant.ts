import { qdrantAt } from "../clients/qdrant.ts";
import { StoreError } from "../errors.ts";
import { GRAPH_FROM_KIB, SEGMENTS } from "../vector/qdrant-points.ts";
import type { Prepared, PrepareProduct } from "./contract.ts";

/**
 * Fields that things are looked up by. Points of one tenant lie together, and each has a graph of its own; no other field does, since a graph for each tag made loads take twice the time.
 */
const KEYWORDS = ["owner", "document", "spaces", "tags"];

/** The collection: without vectors at first, since each space brings its own. Graphs are built per tenant (`payload_m`), not over all (`m`). */
const COLLECTION = {
  vectors: {},
  hnsw_config: { m: 0, payload_m: 16, full_scan_threshold: GRAPH_FROM_KIB },
  optimizers_config: { indexing_threshold: GRAPH_FROM_KIB, default_segment_number: SEGMENTS },
  on_disk_payload: true,
};

/** From 1.18 on. */
function suffices(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 18);
}

const NOTHING: Prepared = { roles: [], migrations: 0, applied: [] };

const prepareProduct: PrepareProduct = {
  async prepare({ admin }, { frozen }) {
    // Its key only reads now, and what was made stays.
    if (frozen.length > 0) return NOTHING;
    const qdrant = qdrantAt(admin);
    try {
      await qdrant.run(async (client, name) => {
        const { version } = await client.versionInfo();
        if (!suffices(version))
          throw new StoreError(
            "unsupported",
            "qdrant",
            `Qdrant ${version} adds no named vectors to a collection.`,
            "Use 1.18 or later.",
          );
        const { exists } = await client.collectionExists(name);
        if (!exists) await client.createCollection(name, COLLECTION);
        const { payload_schema: schema } = await client.getCollection(name);
        if (!Object.hasOwn(schema, "tenant"))
          await client.createPayloadIndex(name, {
            field_name: "tenant",
            field_schema: { type: "keyword", is_tenant: true },
            wait: true,
          });
        for (const field_name of KEYWORDS)
          if (!Object.hasOwn(schema, field_name))
            await client.createPayloadIndex(name, {
              field_name,
              field_schema: { type: "keyword", enable_hnsw: false },
              wait: true,
            });
      });
    } finally {
      await qdrant.close();
    }
    return NOTHING;
  },
  pending: async () => [],
  migrate: async () => [],
};
export default prepareProduct;
