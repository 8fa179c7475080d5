import type { Uris } from "./copies.ts";
import type { CopiesTenant } from "./copies-tenant.ts";

/*
 * Where documents came from. Each has a record of its own, which counts, and its chunks repeat it, so that a query need not look there. Who writes looks at the documents before and after: of two who
 * disagree, the one whose chunks were written first is put right by the other, and the other one by its own second look.
 */

/** Before chunks are written: makes their documents known. One whose uri is not given stays as it is. Resolves to what each is now. */
export async function noteDocuments(
  at: CopiesTenant,
  given: readonly [id: string, uri: string | null][],
): Promise<Map<string, string | null>> {
  const kept = await at.collections.documents(given.map(([id]) => id));
  const now = new Map(given.map(([id, uri]) => [id, uri ?? kept.get(id) ?? null]));
  await write(at, kept, now);
  return now;
}

/** After them: puts right what another writer changed meanwhile, or deleted. */
export async function confirmDocuments(at: CopiesTenant, written: Uris): Promise<void> {
  const told = [...written].map(([document, uri]) => ({ document, uri }));
  const kept = await repeatUris(at, told);
  const gone = [...written].filter(([id]) => !kept.has(id));
  if (gone.length > 0) await at.collections.putDocuments(new Map(gone), false);
}

/** After chunks were written with these uris: tells those of documents that have another one by now. Resolves to what the documents are. */
export async function repeatUris(
  at: CopiesTenant,
  written: readonly { document: string; uri: string | null }[],
): Promise<Uris> {
  const kept = await at.collections.documents([...new Set(written.map(({ document }) => document))]);
  const other = written.filter(({ document, uri }) => kept.has(document) && kept.get(document) !== uri);
  await tell(at, new Map(other.map(({ document }) => [document, kept.get(document) ?? null])));
  return kept;
}

/** Writes what documents are, over what is known of them. */
export async function overwriteDocuments(
  at: CopiesTenant,
  documents: readonly { id: string; uri: string | null }[],
): Promise<void> {
  const now = new Map(documents.map(({ id, uri }) => [id, uri]));
  await write(at, await at.collections.documents([...now.keys()]), now);
}

async function write(at: CopiesTenant, kept: Uris, now: Uris): Promise<void> {
  const changed = [...now].filter(([id, uri]) => kept.get(id) !== uri);
  if (changed.length === 0) return;
  await at.collections.putDocuments(new Map(changed), true);
  await tell(at, new Map(changed.filter(([id]) => kept.has(id))));
}

/** Tells the chunks of documents, in all spaces. */
async function tell(at: CopiesTenant, documents: Uris): Promise<void> {
  const { collections } = at;
  for (let open = documents; open.size > 0; ) {
    const moved = new Set<string>();
    for (const space of (await collections.look()).spaces)
      for (const document of await collections.retell(space, open)) moved.add(document);
    open = await collections.documents([...moved]);
  }
}
