import { setTimeout as sleep } from "node:timers/promises";
import { GRAPH_FROM_KIB, SEGMENTS } from "./qdrant-points.ts";
import type { QdrantTenant } from "./qdrant-tenant.ts";

/** How long they are waited for, in milliseconds. Until then all are compared, so answers are right and late. */
const PATIENCE = 60_000;

/** Waits until the server has built the graphs of a tenant that is large enough for some. */
export async function graphs(at: QdrantTenant): Promise<void> {
  const { spaces, counts } = await at.spaces();
  const bytes = spaces.map(({ id, dimensions }) => (counts.get(id) ?? 0) * dimensions * 4);
  if (Math.max(0, ...bytes) < 2 * SEGMENTS * GRAPH_FROM_KIB * 1024) return;
  for (const deadline = performance.now() + PATIENCE; performance.now() < deadline; await sleep(100)) {
    const { status, indexed_vectors_count: indexed } = await at.shared.qdrant.run((client, name) =>
      client.getCollection(name),
    );
    if (status === "green" && indexed) return;
  }
}
