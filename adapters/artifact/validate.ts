import { canonical } from "../canonical.ts";
import {
  checkText as checkInput,
  checkInteger,
  checkJson,
  checkRunId,
  isPlain,
  type Metadata,
  refuse as refuseInput,
} from "../input.ts";
import type { ByteRange, FindQuery, PutOptions } from "./contract.ts";

const MAX_PATH = 512;
const MAX_SEGMENT = 200;
const MAX_METADATA = 16_384;
const WEEK_MS = 604_800_000;

function refuse(what: string, mend: string): never {
  return refuseInput("artifact", what, mend);
}

/** An artifact's path, or `StoreError` code `invalid`. */
export function checkPath(path: unknown): string {
  const text = checkSigns(path, "The path");
  const about = `The path ${JSON.stringify(text.slice(0, 80))}`;
  if (text === "" || Buffer.byteLength(text) > MAX_PATH)
    refuse(`${about} has ${Buffer.byteLength(text)} bytes.`, `Use 1 to ${MAX_PATH} bytes of UTF-8.`);
  for (const segment of text.split("/")) checkSegment(segment, about);
  return text;
}

/** The beginning of paths, which may end amid a segment, or `StoreError` code `invalid`. */
export function checkPrefix(prefix: unknown): string {
  const text = checkSigns(prefix, "The prefix");
  const about = `The prefix ${JSON.stringify(text.slice(0, 80))}`;
  if (Buffer.byteLength(text) > MAX_PATH) refuse(`${about} is too long.`, `Use at most ${MAX_PATH} bytes of UTF-8.`);
  for (const segment of text.split("/").slice(0, -1)) checkSegment(segment, about);
  return text;
}

/** Control characters and backslashes mean something else to some file system or server, and XML cannot say the two noncharacters. */
function checkSigns(value: unknown, what: string): string {
  const text = checkInput("artifact", value, what);
  if (/[\p{Cc}\\\ufffe\uffff]/u.test(text))
    refuse(`${what} has a control character, a backslash, U+FFFE or U+FFFF.`, "Put / between segments.");
  return text;
}

function checkSegment(segment: string, about: string): void {
  // Some servers take spaces away before they look.
  if (segment === "" || segment.trim() === "." || segment.trim() === "..")
    refuse(`${about} has the segment "${segment}".`, "Write names with single / between them, as in report/2024.pdf");
  if (Buffer.byteLength(segment) > MAX_SEGMENT)
    refuse(`${about} has a segment of ${Buffer.byteLength(segment)} bytes.`, `Use at most ${MAX_SEGMENT}.`);
}

/** A run's id, or `StoreError` code `invalid`. */
export const checkRun = (run: unknown): string => checkRunId("artifact", run);

/** What is kept beside a content. */
export interface CheckedOptions {
  contentType: string;
  run: string | null;
  metadata: Metadata;
  /** That the content must have. */
  sha256: string | null;
}

/** Options of `put` with their defaults, or `StoreError` code `invalid`. */
export function checkOptions(path: string, options: PutOptions = {}): CheckedOptions {
  if (!isPlain(options)) refuse("The options are no plain object.", "Give { contentType, run, metadata, sha256 }.");
  const { contentType, run, metadata, sha256 } = options;
  return {
    contentType: contentType === undefined ? typeOf(path) : checkType(contentType),
    run: run === undefined ? null : checkRun(run),
    metadata: metadata === undefined ? {} : checkMetadata(metadata),
    sha256: sha256 === undefined ? null : checkHash(sha256),
  };
}

function checkHash(hash: unknown): string {
  if (typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)) return hash;
  return refuse("sha256 is no SHA-256.", "Give 64 digits of lower-case hex, or leave it out.");
}

/** Goes into a header as it is. */
export function checkType(type: unknown): string {
  if (typeof type === "string" && type.length <= 255 && /^[!-.0-~]+\/[!-~]+( *;[ -~]*[!-~])?$/.test(type)) return type;
  return refuse("The content type is none.", "Give e.g. text/plain; charset=utf-8, at most 255 signs of ASCII.");
}

/** A copy of its own, as it will be read back. */
function checkMetadata(metadata: unknown): Metadata {
  if (!isPlain(metadata)) refuse("The metadata is no plain object.", "Give { key: value }.");
  checkJson("artifact", metadata, "The metadata");
  const json = canonical(metadata);
  if (Buffer.byteLength(json) > MAX_METADATA)
    refuse("There are more than 16 KiB of metadata.", "Keep large values in an artifact of their own.");
  return JSON.parse(json) as Metadata;
}

/** A range, or `StoreError` code `invalid`. */
export function checkRange(range: ByteRange): ByteRange {
  if (!isPlain(range)) refuse("The range is no plain object.", "Give { start, end }.");
  const start = checkInteger("artifact", range.start, "The range's start", 0, Number.MAX_SAFE_INTEGER);
  if (range.end === undefined) return { start };
  const end = checkInteger("artifact", range.end, "The range's end", 0, Number.MAX_SAFE_INTEGER);
  if (end < start) refuse(`The range ends at ${end}, before its start ${start}.`, "Both are included.");
  return { start, end };
}

/** The range begins behind the last byte. */
export function refuseRange(path: string, start: number, size: number): never {
  return refuse(`${JSON.stringify(path)} has ${size} bytes, and none at ${start}.`, "Ask stat() for its size first.");
}

/** Seconds of a presigned URL, or `StoreError` code `invalid`. */
export function checkExpiry(expiresMs: unknown = 900_000): number {
  return Math.floor(checkInteger("artifact", expiresMs, "expiresMs", 1_000, WEEK_MS) / 1_000);
}

export type CheckedFind = Omit<FindQuery, "limit"> & { limit: number };

/** A query of the index with its defaults, or `StoreError` code `invalid`. */
export function checkFind(query: FindQuery): CheckedFind {
  if (!isPlain(query)) refuse("The query is no plain object.", "Give {} for everything.");
  const { run, contentType, sha256, prefix, metadata, modifiedAfter, limit = 100 } = query;
  if (modifiedAfter !== undefined && !(modifiedAfter instanceof Date && Number.isFinite(modifiedAfter.getTime())))
    refuse("modifiedAfter is no date.", "Give a Date.");
  return {
    ...(run !== undefined && { run: checkRun(run) }),
    ...(contentType !== undefined && { contentType: checkType(contentType) }),
    ...(sha256 !== undefined && { sha256: checkHash(sha256) }),
    ...(prefix !== undefined && { prefix: checkPrefix(prefix) }),
    ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    ...(modifiedAfter !== undefined && { modifiedAfter }),
    limit: checkInteger("artifact", limit, "limit", 1, 10_000),
  };
}

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css",
  csv: "text/csv",
  gif: "image/gif",
  gz: "application/gzip",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  md: "text/markdown",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  ndjson: "application/x-ndjson",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  tar: "application/x-tar",
  txt: "text/plain",
  wav: "audio/wav",
  webp: "image/webp",
  xml: "application/xml",
  yaml: "application/yaml",
  zip: "application/zip",
};

function typeOf(path: string): string {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  return (Object.hasOwn(TYPES, ending) && TYPES[ending]) || "application/octet-stream";
}
