import type { SearchEntry } from "../../adapters/search/contract.ts";

/** An entry with what a test does not care about filled in. */
export function entry(id: string, text: string, more: Partial<SearchEntry> = {}): SearchEntry {
  return { id, text, ...more };
}

export const ids = (answer: { hits: readonly { id: string }[] }) => answer.hits.map(({ id }) => id);
