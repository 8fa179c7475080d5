import { hash } from "node:crypto";
import { checkText as checkInput, checkJson, isPlain, refuse as refuseInput } from "../input.ts";
import type { Chunk, EmbeddingSpace, VectorQuery } from "./contract.ts";
import { type FilterNode, parseFilter } from "./filter.ts";

const MAX_ID = 512;
const MAX_URI = 8_192;
const MAX_TEXT = 1_048_576;
const MAX_METADATA = 65_536;

function refuse(what: string, mend: string): never {
  return refuseInput("vector", what, mend);
}
const checkText = (value: unknown, what: string) => checkInput("vector", value, what);

/** A chunk that every store can keep, in the form that stores write. */
export interface CheckedChunk {
  id: string;
  document: string;
  uri: string | null;
  text: string;
  position: number;
  /** SHA-256 of the text, hex. */
  readonly contentHash: string;
  /** Canonical enough: JSON text of plain values. */
  metadata: string;
  vector: Float32Array;
  space: CheckedSpace;
}

export interface CheckedSpace extends EmbeddingSpace {
  /** 16 hex digits, the same for the same space in every database. */
  id: string;
}

const spaces = new Map<string, CheckedSpace>();

/** A space with its id, or `StoreError` code `invalid`. */
export function checkSpace(space: EmbeddingSpace): CheckedSpace {
  if (!isPlain(space)) refuse("The embedding space is missing.", "Give { provider, model, dimensions, normalised }.");
  const { provider, model, dimensions, normalised } = space;
  const key = `${provider}\n${model}\n${dimensions}\n${normalised}`;
  const known = spaces.get(key);
  if (known) return known;
  for (const name of [provider, model]) {
    checkText(name, "A space's provider or model");
    if (name.length === 0 || name.length > 256 || /\p{Cc}/u.test(name)) {
      refuse(
        "A space's provider and model have 1 to 256 printable characters.",
        "Name them as the embedding's maker does.",
      );
    }
  }
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 2_000) {
    refuse(
      `A space of ${dimensions} dimensions is not supported.`,
      "Use 1 to 2,000; many models can shorten their vectors.",
    );
  }
  if (typeof normalised !== "boolean")
    refuse("A space says whether its vectors are normalised.", "Set normalised: true or false.");
  const checked = Object.freeze({ provider, model, dimensions, normalised, id: hash("sha256", key).slice(0, 16) });
  spaces.set(key, checked);
  return checked;
}

/** A chunk in the form that is written, or `StoreError` code `invalid` naming the chunk. */
export function checkChunk(chunk: Chunk): CheckedChunk {
  const id = checkId(chunk?.id, "A chunk id");
  const about = `Chunk "${id.slice(0, 80)}"`;
  const document = checkId(chunk.document, `${about}: its document id`);
  const text = checkText(chunk.text, `${about}: its text`);
  if (text.length > MAX_TEXT) refuse(`${about} has more than ${MAX_TEXT} characters.`, "Cut it into smaller pieces.");
  const uri = chunk.uri === undefined || chunk.uri === null ? null : checkUri(chunk.uri, about);
  const { position } = chunk;
  if (!Number.isInteger(position) || position < 0 || position > 2_147_483_647) {
    refuse(`${about} has position ${position}.`, "Count from 0.");
  }
  const space = checkSpace(chunk.space);
  if (chunk.contentHash !== undefined && chunk.contentHash !== hash("sha256", text)) {
    refuse(
      `${about}: contentHash is not the SHA-256 of its text.`,
      "Leave it out, or hash the text that is sent (UTF-8, lower-case hex).",
    );
  }
  let digest = chunk.contentHash;
  return {
    id,
    document,
    uri,
    text,
    position: position + 0,
    get contentHash() {
      digest ??= hash("sha256", text);
      return digest;
    },
    metadata: checkMetadata(chunk.metadata ?? {}, about),
    vector: checkVector(chunk.vector, space.dimensions, about),
    space,
  };
}

/** Where a document came from, or `StoreError` code `invalid`. */
export function checkUri(given: unknown, about: string): string {
  const uri = checkText(given, `${about}: its uri`);
  if (uri.length > MAX_URI) refuse(`${about} has a uri of more than ${MAX_URI} characters.`, "Shorten it.");
  return uri;
}

export interface CheckedQuery {
  vector: Float32Array;
  topK: number;
  filter: FilterNode | null;
  minScore: number;
  exact: boolean;
  space: CheckedSpace | null;
}

/** A query in the form that is run, or `StoreError` code `invalid`. */
export function checkQuery(query: VectorQuery): CheckedQuery {
  const { topK, minScore = -1, exact = false } = query;
  if (!Number.isInteger(topK) || topK < 1 || topK > 1_000) refuse(`topK is ${topK}.`, "Use 1 to 1,000.");
  if (typeof minScore !== "number" || !(minScore >= -1 && minScore <= 1))
    refuse(`minScore is ${minScore}.`, "Use -1 to 1; 1 is identical.");
  if (typeof exact !== "boolean") refuse("A query's exact is no boolean.", "Use true or false.");
  const space = query.space === undefined ? null : checkSpace(query.space);
  const vector = checkVector(query.vector, space?.dimensions, "The query");
  return {
    vector,
    topK,
    minScore,
    exact,
    space,
    filter: query.filter === undefined ? null : parseFilter(query.filter),
  };
}

/** A chunk or document id, or `StoreError` code `invalid`. */
export function checkId(id: unknown, what: string): string {
  const text = checkText(id, what);
  if (text.length === 0 || text.length > MAX_ID)
    refuse(`${what} has ${text.length} characters.`, `Use 1 to ${MAX_ID}.`);
  return text;
}

/**
 * A vector as float32. Its length (norm) must be 0 or within 1e-15 to 1e15: beyond that its square leaves float32, and the similarity
 * would be undefined on some products.
 */
export function checkVector(given: unknown, dimensions: number | undefined, about: string): Float32Array {
  if (!(given instanceof Float32Array) && !Array.isArray(given))
    refuse(`${about} has no vector.`, "Give a Float32Array or an array of numbers.");
  if (dimensions !== undefined && given.length !== dimensions) {
    refuse(
      `${about} has a vector of ${given.length} numbers in a space of ${dimensions}.`,
      "Embed it with the space's model.",
    );
  }
  if (given.length < 1 || given.length > 2_000)
    refuse(`${about} has a vector of ${given.length} numbers.`, "Use 1 to 2,000.");
  if (Array.isArray(given) && !given.every((x) => typeof x === "number"))
    refuse(`${about} has a vector with something that is no number.`, "Use numbers.");
  const vector = given instanceof Float32Array ? given : Float32Array.from(given as number[]);
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += (vector[i] as number) ** 2;
  if (!(square <= 1e30))
    refuse(`${about} has a vector with NaN, infinity or a length over 1e15.`, "Check the embedding.");
  if (square !== 0 && square < 1e-30)
    refuse(`${about} has a vector of length under 1e-15.`, "Scale it, or send zeros.");
  return vector;
}

function checkMetadata(metadata: unknown, about: string): string {
  if (!isPlain(metadata)) refuse(`${about} has metadata that is no plain object.`, "Give { key: value }.");
  checkJson("vector", metadata, `${about}: its metadata`);
  const json = JSON.stringify(metadata);
  if (Buffer.byteLength(json) > MAX_METADATA)
    refuse(`${about} has more than 64 KiB of metadata.`, "Keep large values in an artifact, and its name here.");
  return json;
}
