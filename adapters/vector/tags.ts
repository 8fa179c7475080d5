import { hash } from "node:crypto";
import type { Metadata, Scalar } from "../input.ts";
import type { FilterNode } from "./filter.ts";

/*
 * A tag is one metadata entry as text: key, separator, letter of the type, value. Tags of one key are neighbours in byte order and numbers sort by
 * value, so equality, ranges and existence are each a range of tags. Long keys and values are hashed; such a tag only narrows a search down, and the
 * metadata itself decides.
 */

const SEPARATOR = "\u0001";
const AFTER = "\u0002";
/** Stands for a chunk with more entries than are worth a row each; it is a candidate of every filter. */
export const OVERFLOW = `${AFTER}many`;
const MAX_TAGS = 64;
const MAX_KEY = 64;
const MAX_TEXT = 128;

/** The tags of a chunk's metadata, at most 64. */
export function tagsOf(metadata: Metadata): string[] {
  const entries = Object.entries(metadata).filter(([, value]) => value !== null);
  if (entries.length > MAX_TAGS) return [OVERFLOW];
  return entries.map(([key, value]) => tag(key, value));
}

/** First and last tag of a stretch, both included. */
export type TagRange = readonly [from: string, to: string];

/** A way to find every chunk for which a filter may hold. */
export interface Cover {
  /** Together they hold a tag of each such chunk, beside those of OVERFLOW. */
  ranges: TagRange[];
  /** A chunk may have a tag in more than one of them. */
  overlapping: boolean;
  /** The filter holds for every chunk that has a tag in them, so its metadata need not be looked at. */
  decides: boolean;
}

/** The ways that a filter offers; none when it says nothing about what is there (`not`, a missing key). */
export function covers(node: FilterNode): Cover[] {
  switch (node.op) {
    case "and":
      if (node.of.length === 1) return covers(node.of[0] as FilterNode);
      return node.of.flatMap((one) => covers(one).map((cover) => ({ ...cover, decides: false }))).slice(0, MAX_COVERS);
    case "or": {
      // Which way is the narrowest of a branch is not known here; the first will do.
      const each = node.of.map((one) => covers(one)[0]);
      if (each.length === 0 || !each.every((cover) => cover !== undefined)) return [];
      const ranges = each.flatMap((cover) => cover.ranges);
      return ranges.length <= MAX_RANGES
        ? [{ ranges, overlapping: true, decides: each.every((cover) => cover.decides) }]
        : [];
    }
    case "not":
      return [];
    case "eq":
      return [points(node.key, [node.value])];
    case "in":
      return node.values.length <= MAX_RANGES ? [points(node.key, node.values)] : [];
    case "exists":
      return node.value ? [range(node.key, prefix(node.key), `${keyPart(node.key)}${AFTER}`)] : [];
    case "gt":
      return [range(node.key, `${tag(node.key, node.value)}${SEPARATOR}`, `${prefix(node.key)}o`)];
    case "gte":
      return [range(node.key, tag(node.key, node.value), `${prefix(node.key)}o`)];
    case "lt":
    case "lte": // the end is included, so `lt` finds one value too many
      return [
        {
          ...range(node.key, `${prefix(node.key)}n`, tag(node.key, node.value)),
          decides: node.op === "lte" && !hashed(node.key, MAX_KEY),
        },
      ];
  }
}

const MAX_RANGES = 100;
const MAX_COVERS = 8;

function range(key: string, from: string, to: string): Cover {
  return { ranges: [[from, to]], overlapping: false, decides: !hashed(key, MAX_KEY) };
}

function points(key: string, values: readonly Scalar[]): Cover {
  const tags = [...new Set(values.map((value) => tag(key, value)))];
  const exact = !hashed(key, MAX_KEY) && values.every((value) => typeof value !== "string" || !hashed(value, MAX_TEXT));
  return { ranges: tags.map((one) => [one, one]), overlapping: false, decides: exact };
}

/** Whether a text stands in a tag as its hash: when it is long, could be taken for a hash, or holds what separates. */
function hashed(text: string, most: number): boolean {
  return Buffer.byteLength(text) > most || text.startsWith("#") || text.includes(SEPARATOR) || text.includes(AFTER);
}

function short(text: string, most: number): string {
  return hashed(text, most) ? `#${hash("sha256", text).slice(0, 32)}` : text;
}

function keyPart(key: string): string {
  return short(key, MAX_KEY);
}

function prefix(key: string): string {
  return keyPart(key) + SEPARATOR;
}

function tag(key: string, value: unknown): string {
  const start = prefix(key);
  switch (typeof value) {
    case "number":
      return `${start}n${ordered(value)}`;
    case "boolean":
      return `${start}b${value}`;
    case "string":
      return `${start}s${short(value, MAX_TEXT)}`;
    default:
      return `${start}j`;
  }
}

const bits = new DataView(new ArrayBuffer(8));

/** A number as 16 hex digits that sort as the numbers do: sign bit flipped, all bits for negative ones. */
function ordered(value: number): string {
  bits.setFloat64(0, value + 0);
  const raw = bits.getBigUint64(0);
  const sortable = raw >> 63n ? ~raw & 0xffffffffffffffffn : raw | (1n << 63n);
  return sortable.toString(16).padStart(16, "0");
}
