import type { Metadata } from "../input.ts";
import { base64OfVector, batched, notOurs, portions, vectorOfBase64 } from "../portable.ts";
import type { SnapshotRecord } from "../role.ts";
import type { Chunk, EmbeddingSpace } from "./contract.ts";
import { checkId, checkUri } from "./validate.ts";

/*
 * The records of the role. A chunk names its space in full, and its document by id; a document says where it came from, and is there without chunks too. The hash of a chunk's text is left out: it follows
 * from the text.
 */

export interface PortableChunk extends Pick<Chunk, "id" | "document" | "text" | "position"> {
  metadata: Metadata;
  vector: Float32Array;
  space: EmbeddingSpace;
}

export interface PortableDocument {
  id: string;
  uri: string | null;
}

export function chunkRecord(tenant: string, chunk: PortableChunk): SnapshotRecord {
  const { id, document, text, position, metadata, vector } = chunk;
  const { provider, model, dimensions, normalised } = chunk.space;
  const space = { provider, model, dimensions, normalised };
  return { kind: "chunk", tenant, id, document, text, position, metadata, vector: base64OfVector(vector), space };
}

export const documentRecord = (tenant: string, { id, uri }: PortableDocument): SnapshotRecord => ({
  kind: "document",
  tenant,
  id,
  uri,
});

/** How a store takes records. */
export interface Taking {
  /** Writes chunks, which it checks; resolves to how many. */
  chunks(tenant: string, chunks: AsyncIterable<Chunk>): Promise<number>;
  /** Writes what documents are, over what is known of them. */
  documents(tenant: string, documents: PortableDocument[]): Promise<void>;
}

/** The `import` of a store. All chunks of a tenant are one load, after which its approximate index is built. */
export async function importAll(
  records: AsyncIterable<SnapshotRecord>,
  taking: Taking,
): Promise<Record<string, number>> {
  const counts = { chunk: 0, document: 0 };
  for await (const { tenant, kind, records: some } of portions("vector", records)) {
    if (kind === "chunk") {
      counts.chunk += await taking.chunks(tenant, mapped(some, chunkOf));
    } else {
      const documents = mapped(some, documentOf);
      for await (const batch of batched(documents, {
        most: 1_000,
        bytes: 4 << 20,
        size: ({ uri }) => uri?.length ?? 0,
      })) {
        await taking.documents(tenant, batch);
        counts.document += batch.length;
      }
    }
  }
  return counts;
}

async function* mapped<T>(records: AsyncIterable<SnapshotRecord>, of: (record: SnapshotRecord) => T) {
  for await (const record of records) yield of(record);
}

/** What `upsert` takes, which checks it. */
function chunkOf(record: SnapshotRecord): Chunk {
  const { id, document, text, position, metadata, space } = record as unknown as PortableChunk;
  return { id, document, text, position, metadata, space, vector: vectorOfBase64("vector", record.vector) };
}

/** A document of its record, or `StoreError` code `invalid`. */
function documentOf(record: SnapshotRecord): PortableDocument {
  const { id, uri } = record as unknown as PortableDocument;
  if (record.kind !== "document" || uri === undefined) notOurs("vector", record);
  return { id: checkId(id, "The document id"), uri: uri === null ? null : checkUri(uri, `Document "${id}"`) };
}
