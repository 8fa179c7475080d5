import { batches } from "./batches.ts";
import type { VectorCapabilities, VectorStore } from "./contract.ts";
import { type Filter, parseFilter } from "./filter.ts";
import { confirmDocuments, noteDocuments } from "./qdrant-documents.ts";
import { chunksOf, is } from "./qdrant-filter.ts";
import { graphs } from "./qdrant-graphs.ts";
import { chunkPoint } from "./qdrant-points.ts";
import { explain, query } from "./qdrant-query.ts";
import { qdrantReindexing } from "./qdrant-reindex.ts";
import type { QdrantTenant } from "./qdrant-tenant.ts";
import { plainSpace } from "./spaces.ts";
import { checkId, checkQuery } from "./validate.ts";

export const can: VectorCapabilities = { durable: false, ann: true, shared: true };
export const why: VectorStore["why"] = {
  durable:
    "Qdrant promises that an answered write is in its log, not that the log is on the disk: a process that is killed loses nothing, a machine that loses power may lose the last moments.",
};

/** An upsert of so many chunks ends when their graph is there. */
const LOAD = 1_000;

export function qdrantStore(at: QdrantTenant): VectorStore {
  const { qdrant } = at.shared;
  return {
    can,
    why,
    async upsert(chunks) {
      let written = 0;
      for await (const batch of batches(chunks)) {
        const spaces = new Map(batch.chunks.map(({ space }) => [space.id, space]));
        const uris = await noteDocuments(at, batch.documents);
        const points = batch.chunks.map((one) => chunkPoint(at.tenant, one, uris.get(one.document) ?? null));
        await at.write([...spaces.values()], points);
        await confirmDocuments(at, uris);
        at.forget();
        written += batch.chunks.length;
      }
      if (written >= LOAD) await graphs(at);
      return { written };
    },
    query: async (given) => query(at, checkQuery(given)),
    explain: async (given) => explain(at, checkQuery(given)),
    async deleteByDocument(document) {
      const of = is("document", checkId(document, "The document id"));
      const deleted = await at.count(chunksOf(at.tenant, null, of));
      const all = { must: [of], should: [is("tenant", at.tenant), is("owner", at.tenant)] };
      await qdrant.run((client, name) => client.delete(name, { filter: all, wait: true }));
      at.forget();
      return { deleted };
    },
    async count(filter?: Filter) {
      const node = filter === undefined ? null : parseFilter(filter);
      return at.count(chunksOf(at.tenant, node));
    },
    spaces: async () => (await at.spaces()).spaces.map(plainSpace),
    async current() {
      const { current } = await at.spaces();
      return current && plainSpace(current);
    },
    reindexing: qdrantReindexing(at),
  };
}
