import { isPlain, type Metadata, refuse } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import type { Language, SearchEntry } from "./contract.ts";

/** An entry as its store keeps it. */
export interface KeptEntry {
  id: string;
  document: string | null;
  title: string | null;
  text: string;
  metadata: Metadata;
  language: Language;
}

/** An entry in a snapshot. */
export function toRecord(tenant: string, { id, document, title, text, metadata, language }: KeptEntry): SnapshotRecord {
  return { kind: "entry", tenant, id, document, title, text, metadata, language };
}

/** An entry of a snapshot; whether it can be kept is checked as for any other. Throws `StoreError` code `invalid` for another kind of record. */
export function fromRecord(record: SnapshotRecord): SearchEntry {
  if (!isPlain(record)) refuse("search", "A record is no object.", 'Import records of kind "entry".');
  const { kind, tenant: _, ...entry } = record;
  if (kind !== "entry") refuse("search", `A record is of kind "${String(kind)}".`, 'Import records of kind "entry".');
  return entry as unknown as SearchEntry;
}

/** Records in runs of one tenant, at most so many at once. */
export async function* byTenant(
  records: AsyncIterable<SnapshotRecord>,
  most: number,
): AsyncGenerator<{ tenant: string; entries: SearchEntry[] }> {
  let run: { tenant: string; entries: SearchEntry[] } | undefined;
  let characters = 0;
  for await (const record of records) {
    const entry = fromRecord(record);
    if (run && (run.tenant !== record.tenant || run.entries.length === most || characters > MAX_CHARACTERS)) {
      yield run;
      run = undefined;
      characters = 0;
    }
    run ??= { tenant: record.tenant, entries: [] };
    run.entries.push(entry);
    characters += typeof entry.text === "string" ? entry.text.length : 0;
  }
  if (run) yield run;
}

const MAX_CHARACTERS = 8 * 1024 * 1024;
