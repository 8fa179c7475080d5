import { type ChromaPlace, DOCUMENTS } from "./chroma-place.ts";
import { type Kept, withoutNulls } from "./chroma-records.ts";
import { type Collections, parts, type Uris } from "./copies.ts";

/** Records of one message. */
const PAGE = 1_000;

/** The collection of a tenant's documents. */
export function chromaDocuments(
  place: ChromaPlace,
): Pick<Collections, "documents" | "documentIds" | "putDocuments" | "forgetDocument"> {
  return {
    async documents(ids) {
      const found = new Map<string, string | null>();
      for (const some of parts(ids, PAGE)) {
        const { ids: known, metadatas } = await place.get(DOCUMENTS, { ids: some, include: ["metadatas"] });
        for (const [i, id] of known.entries()) found.set(id, (metadatas?.[i]?.uri ?? null) as string | null);
      }
      return found;
    },
    documentIds: async () => (await place.get(DOCUMENTS, { include: [] })).ids,
    async putDocuments(documents, replaced) {
      for (const some of parts([...documents], PAGE)) {
        const records = recordsOf(new Map(some));
        if (replaced) await place.write(DOCUMENTS, "upsert", records, {});
        else await place.write(DOCUMENTS, "add", { ...records, metadatas: records.metadatas.map(withoutNulls) }, {});
      }
    },
    async forgetDocument(document) {
      await place.ask(DOCUMENTS, "delete", { ids: [document], where: { known: true } }, {});
    },
  };
}

/** The server wants a vector with everything; nobody asks for these. */
const recordsOf = (documents: Uris) => ({
  ids: [...documents.keys()],
  embeddings: [...documents.keys()].map((_, i) => [i]),
  metadatas: [...documents.values()].map((uri): Kept => ({ known: true, uri })),
});
