import { chunksOf, is } from "./qdrant-filter.ts";
import { PAGE, pointId } from "./qdrant-points.ts";
import type { QdrantTenant } from "./qdrant-tenant.ts";

/*
 * Where documents came from. Each has a point of its own, which counts, and its chunks repeat it, so that a query need not look there. Who writes looks at the documents before and after: of two who
 * disagree, the one whose chunks were written first is put right by the other, and the other one by its own second look.
 */

type Uris = Map<string, string | null>;

/** Before chunks are written: makes their documents known. One whose uri is not given stays as it is. Resolves to what each is now. */
export async function noteDocuments(
  at: QdrantTenant,
  given: readonly [id: string, uri: string | null][],
): Promise<Uris> {
  const kept = await read(
    at,
    given.map(([id]) => id),
  );
  const now: Uris = new Map(given.map(([id, uri]) => [id, uri ?? kept.get(id) ?? null]));
  await write(at, kept, now);
  return now;
}

/** After them: puts right what another writer changed meanwhile, or deleted. */
export async function confirmDocuments(at: QdrantTenant, written: Uris): Promise<void> {
  const kept = await repeatUris(
    at,
    [...written].map(([document, uri]) => ({ document, uri })),
  );
  const gone = [...written].filter(([id]) => !kept.has(id));
  await upsert(at, gone, { update_mode: "insert_only" });
}

/** After chunks were written with these uris: tells those of documents that have another one by now. Resolves to what the documents are. */
export async function repeatUris(
  at: QdrantTenant,
  written: readonly { document: string; uri: string | null }[],
): Promise<Uris> {
  const kept = await read(at, [...new Set(written.map(({ document }) => document))]);
  const other = new Set(
    written
      .filter(({ document, uri }) => kept.has(document) && kept.get(document) !== uri)
      .map(({ document }) => document),
  );
  await repeat(
    at,
    [...kept].filter(([id]) => other.has(id)),
  );
  return kept;
}

/** Writes what documents are, over what is known of them. */
export async function overwriteDocuments(
  at: QdrantTenant,
  documents: readonly { id: string; uri: string | null }[],
): Promise<void> {
  const now: Uris = new Map(documents.map(({ id, uri }) => [id, uri]));
  await write(at, await read(at, [...now.keys()]), now);
}

async function write(at: QdrantTenant, kept: Uris, now: Uris): Promise<void> {
  const changed = [...now].filter(([id, uri]) => kept.get(id) !== uri);
  await upsert(at, changed);
  await repeat(
    at,
    changed.filter(([id]) => kept.has(id)),
  );
}

async function read(at: QdrantTenant, documents: readonly string[]): Promise<Uris> {
  const ids = documents.map((id) => pointId("document", at.tenant, id));
  if (ids.length === 0) return new Map();
  const found = await at.shared.qdrant.run((client, name) => client.retrieve(name, { ids }));
  return new Map(found.map(({ payload }) => [String(payload?.document), (payload?.uri ?? null) as string | null]));
}

async function upsert(at: QdrantTenant, documents: [string, string | null][], mode?: { update_mode: "insert_only" }) {
  if (documents.length === 0) return;
  const points = documents.map(([document, uri]) => {
    return { id: pointId("document", at.tenant, document), vector: {}, payload: { owner: at.tenant, document, uri } };
  });
  await at.shared.qdrant.run((client, name) => client.upsert(name, { points, ...mode }));
}

/** Tells the chunks of documents. */
async function repeat(at: QdrantTenant, documents: [string, string | null][]): Promise<void> {
  for (let n = 0; n < documents.length; n += PAGE) {
    const operations = documents.slice(n, n + PAGE).map(([document, uri]) => {
      return { set_payload: { payload: { uri }, filter: chunksOf(at.tenant, null, is("document", document)) } };
    });
    await at.shared.qdrant.run((client, name) => client.batchUpdate(name, { operations }));
  }
}
