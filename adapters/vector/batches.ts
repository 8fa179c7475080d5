import type { Chunk } from "./contract.ts";
import { type CheckedChunk, checkChunk } from "./validate.ts";

const MAX_CHUNKS = 1_000;
/** A batch is one message to a server; this keeps it and its encoding small. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface Batch {
  chunks: CheckedChunk[];
  /** Their documents, with the last uri that was given for each; null where none was. */
  documents: [id: string, uri: string | null][];
}

/**
 * Checked chunks in batches, ordered by id so that two writers lock rows in the same order; the last of equal ids stays. An array is checked
 * whole before its first batch comes out.
 */
export async function* batches(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): AsyncGenerator<Batch> {
  const checked = Array.isArray(chunks) ? (chunks as Chunk[]).map(checkChunk) : undefined;
  let batch = new Map<string, CheckedChunk>();
  let documents = new Map<string, string | null>();
  let bytes = 0;
  for await (const chunk of checked ?? chunks) {
    const one = checked ? (chunk as CheckedChunk) : checkChunk(chunk as Chunk);
    batch.set(one.id, one);
    documents.set(one.document, one.uri ?? documents.get(one.document) ?? null);
    bytes += one.text.length * 2 + one.metadata.length * 2 + one.vector.byteLength;
    if (batch.size < MAX_CHUNKS && bytes < MAX_BYTES) continue;
    yield sorted(batch, documents);
    batch = new Map();
    documents = new Map();
    bytes = 0;
  }
  if (batch.size) yield sorted(batch, documents);
}

function sorted(chunks: Map<string, CheckedChunk>, documents: Map<string, string | null>): Batch {
  return {
    chunks: [...chunks.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    documents: [...documents].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
  };
}
