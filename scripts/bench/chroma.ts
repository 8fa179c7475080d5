import { ChromaClient } from "chromadb";
import { parseChromaUrl } from "../../adapters/clients/chroma-url.ts";
import { BATCH, type ByHand } from "./by-hand.ts";
import type { Place } from "./place.ts";

/** Collections of the bench's own, one for each tenant: texts as documents, fields of the metadata, what is asked for as it is. */
export async function chromaByHand({ app }: Place): Promise<ByHand> {
  const at = new URL(parseChromaUrl(app).server);
  const client = new ChromaClient({ host: at.hostname, port: Number(at.port), ssl: at.protocol === "https:" });
  const collection = (tenant: string) =>
    client.getOrCreateCollection({
      name: `bench-${process.pid}-${tenant}`,
      configuration: { hnsw: { space: "cosine", ef_search: 128 } },
      embeddingFunction: null,
    });
  const made = new Map<string, ReturnType<typeof collection>>();
  const of = (tenant: string) => {
    const known = made.get(tenant) ?? collection(tenant);
    made.set(tenant, known);
    return known;
  };
  const empty = async (tenant: string) => {
    const found = await made.get(tenant);
    made.delete(tenant);
    if (found) await client.deleteCollection({ name: found.name });
  };
  return {
    async upsert(tenant, all) {
      const found = await of(tenant);
      for (let n = 0; n < all.length; n += BATCH) {
        const some = all.slice(n, n + BATCH);
        await found.upsert({
          ids: some.map(({ id }) => id),
          embeddings: some.map(({ vector }) => Array.from(vector)),
          documents: some.map(({ text }) => text),
          metadatas: some.map(({ document, uri = "", position, metadata }) => ({
            document,
            uri,
            position,
            ...metadata,
          })),
        });
      }
    },
    async query(tenant, probe, filter) {
      const { ids } = await (await of(tenant)).query({
        queryEmbeddings: [Array.from(probe)],
        nResults: 10,
        include: ["documents", "metadatas", "distances"],
        ...(filter && { where: filter }),
      });
      return ids[0] ?? [];
    },
    empty,
    end: () => Promise.all([...made.keys()].map(empty)),
  };
}
