import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Embedder } from "../../adapters/embedder.ts";
import type { Chunk } from "../../adapters/vector/contract.ts";
import { chunk } from "./chunker.ts";

const folder = join(import.meta.dirname, "corpus");

/** One text that ships with the project; corpus/README.md says where they are from. */
export interface Address {
  /** File name without its ending; the id of the document. */
  id: string;
  title: string;
  speaker: string;
  year: number;
  party: string;
  uri: string;
  text: string;
}

export function readCorpus(): Address[] {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as (Omit<Address, "id" | "text"> & {
    file: string;
  })[];
  return index.map(({ file, ...address }) => ({
    id: file.replace(/\.txt$/, ""),
    ...address,
    text: readFileSync(join(folder, file), "utf8"),
  }));
}

/** Chunks of the addresses with their provenance, embedded. */
export async function embedCorpus(addresses: readonly Address[], embedder: Embedder): Promise<Chunk[]> {
  const pieces = addresses.flatMap(({ id, uri, year, speaker, party, text }) =>
    chunk(text).map((piece) => ({
      ...piece,
      id: `${id}#${piece.position}`,
      document: id,
      uri,
      metadata: { year, speaker, party },
    })),
  );
  const vectors = await embedder.embed(pieces.map(({ text }) => text));
  return pieces.map((piece, at) => ({ ...piece, vector: vectors[at] ?? [], space: embedder.space }));
}
