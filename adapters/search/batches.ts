import { byCodePoint } from "../order.ts";
import type { SearchEntry } from "./contract.ts";
import { type CheckedEntry, checkEntry } from "./validate.ts";

const MAX_ENTRIES = 1_000;
/** A batch is one message to a server; this keeps it small. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/**
 * Checked entries in batches, ordered by id so that two writers lock rows in the same order; the last of equal ids stays. An array is checked whole
 * before its first batch comes out.
 */
export async function* batches(
  entries: Iterable<SearchEntry> | AsyncIterable<SearchEntry>,
): AsyncGenerator<CheckedEntry[]> {
  const checked = Array.isArray(entries) ? (entries as SearchEntry[]).map(checkEntry) : undefined;
  let batch = new Map<string, CheckedEntry>();
  let characters = 0;
  for await (const entry of checked ?? entries) {
    const one = checked ? (entry as CheckedEntry) : checkEntry(entry as SearchEntry);
    batch.set(one.id, one);
    characters += one.text.length + one.metadata.length;
    if (batch.size < MAX_ENTRIES && characters < MAX_CHARACTERS) continue;
    yield sorted(batch);
    batch = new Map();
    characters = 0;
  }
  if (batch.size > 0) yield sorted(batch);
}

const sorted = (batch: Map<string, CheckedEntry>) => [...batch.values()].sort((a, b) => byCodePoint(a.id, b.id));
