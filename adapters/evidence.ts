import { canonical, sha256 } from "./canonical.ts";
import { StoreError } from "./errors.ts";
import { show } from "./input.ts";
import type { EmbeddingSpace, VectorHit, VectorQuery } from "./vector/contract.ts";
import type { Filter } from "./vector/filter.ts";

/** What was retrieved, for which question, from where. Plain JSON; every hash is SHA-256 in lower-case hex. */
export interface Evidence {
  format: "agent-stores/evidence";
  version: 1;
  createdAt: string;
  tenant: string;
  /** Protocol of the store, e.g. `postgres`; never an address or a credential. */
  store: string;
  query: {
    text: string | null;
    /** Of the vector's float32 bytes, little-endian. */
    vectorSha256: string;
    topK: number;
    filter: Filter | null;
    minScore: number | null;
  };
  /** Null where nothing was found and the query named no space. */
  space: EmbeddingSpace | null;
  /** Best first, as they were returned. */
  chunks: EvidenceChunk[];
  /** The documents whose whole text was given, by id. */
  sources: { document: string; contentHash: string }[];
  /** Of the canonical JSON of everything above. */
  sha256: string;
}

export interface EvidenceChunk {
  id: string;
  document: string;
  uri: string | null;
  position: number;
  score: number;
  /** Of the chunk's text. */
  contentHash: string;
  /** Of the canonical JSON of its metadata. */
  metadataHash: string;
}

export interface EvidenceContext {
  tenant: string;
  /** URL or protocol of the store; only the protocol is kept. */
  store: string;
  /** The query as it was asked, and the words that its vector was made from. */
  query: VectorQuery & { text?: string };
  /** Whole texts of documents that the hits were cut from, by document id; their hashes join the manifest. */
  sources?: Readonly<Record<string, string | Uint8Array>>;
  /** @default now */
  at?: Date;
}

/**
 * Makes the manifest of an answer. Refuses (StoreError `failed`) a hit whose text is not what its content hash says: evidence must not
 * vouch for it.
 */
export async function evidence(hits: readonly VectorHit[], context: EvidenceContext): Promise<Evidence> {
  const { tenant, store, query, sources = {}, at = new Date() } = context;
  const body = {
    format: "agent-stores/evidence",
    version: 1,
    createdAt: at.toISOString(),
    tenant,
    store: store.split(":", 1)[0] ?? "",
    query: {
      text: query.text ?? null,
      vectorSha256: sha256(float32Bytes(query.vector)),
      topK: query.topK,
      filter: query.filter ?? null,
      minScore: query.minScore ?? null,
    },
    space: query.space ?? hits[0]?.space ?? null,
    chunks: hits.map(chunkOf),
    sources: Object.entries(sources).map(([document, text]) => ({ document, contentHash: sha256(text) })),
  };
  const text = canonical(body);
  return { ...(JSON.parse(text) as Omit<Evidence, "sha256">), sha256: sha256(text) };
}

/** The text to keep: canonical JSON, so that the same manifest is the same bytes. `verifyEvidence` takes it back. */
export const evidenceText = (manifest: Evidence): string => canonical(manifest);

function chunkOf({ id, document, uri, position, score, contentHash, text, metadata }: VectorHit): EvidenceChunk {
  if (sha256(text) !== contentHash)
    throw new StoreError(
      "failed",
      "evidence",
      `The text of chunk ${JSON.stringify(id)} is not what its content hash says.`,
      `It was changed behind the store's back: write the document ${JSON.stringify(document)} again.`,
    );
  return { id, document, uri, position, score, contentHash, metadataHash: sha256(canonical(metadata)) };
}

/** Little-endian whatever the machine is. */
function float32Bytes(vector: Float32Array | readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value: number, at: number) => {
    view.setFloat32(at * 4, value, true);
  });
  return new Uint8Array(view.buffer);
}

/** What a store says of a chunk today. A `VectorHit` is one. */
export type CurrentChunk = Pick<VectorHit, "id" | "document" | "uri" | "text" | "position" | "metadata">;

export interface EvidenceReader {
  /** The chunks with these ids as they are now; absent ones are left out, others are not looked at. */
  chunks(ids: readonly string[]): Promise<Iterable<CurrentChunk>> | Iterable<CurrentChunk>;
  /** The whole text of a document, for manifests that have its hash; undefined when it is gone. */
  source?(document: string): Promise<string | Uint8Array | undefined> | string | Uint8Array | undefined;
}

/** One thing that is not as it was. */
export interface EvidenceDifference {
  in: "manifest" | "chunk" | "source";
  /** Id of the chunk, or of the document for `source`; empty for the manifest. */
  id: string;
  field: "text" | "document" | "uri" | "position" | "metadata" | "presence" | "encoding" | "format" | "sha256";
  /** The whole finding as a sentence. */
  message: string;
}

/**
 * Compares a manifest, as object or as the text or bytes that were kept, with what the store and the sources hold now, and names
 * whatever differs; nothing means that it holds. Kept text must be the canonical text byte for byte. A manifest that is not
 * itself any more is reported alone: what it says proves nothing. Whoever can change the manifest can also compute its hash
 * anew: keep `sha256`, or the text, where the store's users cannot write.
 */
export async function verifyEvidence(
  manifest: Evidence | string | Uint8Array,
  read: EvidenceReader,
): Promise<EvidenceDifference[]> {
  const opened = open(manifest);
  if ("field" in opened) return [opened];
  const now = new Map<string, CurrentChunk>();
  for (const chunk of await read.chunks(opened.chunks.map(({ id }) => id))) now.set(chunk.id, chunk);
  const chunks = opened.chunks.flatMap((then) => compareChunk(then, now.get(then.id)));
  return [...chunks, ...(await compareSources(opened, read))];
}

function compareChunk(then: EvidenceChunk, now: CurrentChunk | undefined): EvidenceDifference[] {
  const name = `chunk ${JSON.stringify(then.id)}`;
  const differ = (field: EvidenceDifference["field"], message: string): EvidenceDifference => ({
    in: "chunk",
    id: then.id,
    field,
    message,
  });
  if (!now) return [differ("presence", `${name} is gone`)];
  const differences: EvidenceDifference[] = [];
  const text = sha256(now.text);
  if (text !== then.contentHash)
    differences.push(differ("text", `${name}: its text changed (sha256 ${then.contentHash} → ${text})`));
  for (const field of ["document", "uri", "position"] as const) {
    if (now[field] !== then[field])
      differences.push(
        differ(field, `${name}: its ${field} changed (${JSON.stringify(then[field])} → ${JSON.stringify(now[field])})`),
      );
  }
  const metadata = sha256(canonical(now.metadata));
  if (metadata !== then.metadataHash)
    differences.push(differ("metadata", `${name}: its metadata changed (sha256 ${then.metadataHash} → ${metadata})`));
  return differences;
}

async function compareSources({ sources }: Evidence, read: EvidenceReader): Promise<EvidenceDifference[]> {
  if (!read.source) return [];
  const differences: EvidenceDifference[] = [];
  for (const { document, contentHash } of sources) {
    const name = `source ${JSON.stringify(document)}`;
    const text = await read.source(document);
    if (text === undefined)
      differences.push({ in: "source", id: document, field: "presence", message: `${name} is gone` });
    else if (sha256(text) !== contentHash)
      differences.push({
        in: "source",
        id: document,
        field: "text",
        message: `${name}: its text changed (sha256 ${contentHash} → ${sha256(text)})`,
      });
  }
  return differences;
}

/** The manifest if it is whole, else what is wrong with it. */
function open(manifest: Evidence | string | Uint8Array): Evidence | EvidenceDifference {
  const broken = (field: EvidenceDifference["field"], message: string): EvidenceDifference => ({
    in: "manifest",
    id: "",
    field,
    message,
  });
  let value: unknown;
  try {
    const text =
      manifest instanceof Uint8Array
        ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(manifest)
        : manifest;
    value = typeof text === "string" ? JSON.parse(text) : text;
    if (typeof text === "string" && canonical(value) !== text)
      return broken("encoding", "the manifest is not written as it was: its bytes changed");
  } catch (cause) {
    return broken("encoding", `the manifest cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
  if (!isManifest(value)) return broken("format", "the manifest is not agent-stores evidence of version 1");
  const { sha256: stated, ...body } = value;
  const found = sha256(canonical(body));
  return found === stated
    ? value
    : broken("sha256", `the manifest changed (it states sha256 ${show(stated)}, its content has ${found})`);
}

function isManifest(value: unknown): value is Evidence {
  if (typeof value !== "object" || value === null) return false;
  const { format, version, chunks, sources } = value as Partial<Evidence>;
  return (
    format === "agent-stores/evidence" &&
    version === 1 &&
    Array.isArray(chunks) &&
    chunks.every((chunk) => typeof chunk?.id === "string") &&
    Array.isArray(sources) &&
    sources.every((source) => typeof source?.document === "string")
  );
}
