import { type Batch, batches } from "./batches.ts";
import type { VectorCapabilities, VectorStore } from "./contract.ts";
import { copyOf, newVersion, type Uris } from "./copies.ts";
import { confirmDocuments, noteDocuments } from "./copies-documents.ts";
import { explain, query } from "./copies-query.ts";
import { copiesReindexing } from "./copies-reindex.ts";
import type { CopiesTenant } from "./copies-tenant.ts";
import { type Filter, parseFilter } from "./filter.ts";
import { plainSpace } from "./spaces.ts";
import { type CheckedSpace, checkId, checkQuery } from "./validate.ts";

/** The `vector` role for one tenant, on collections of copies. */
export function copiesStore(at: CopiesTenant, can: VectorCapabilities, why: VectorStore["why"]): VectorStore {
  const { collections } = at;
  return {
    can,
    why,
    async upsert(chunks) {
      let written = 0;
      for await (const batch of batches(chunks)) {
        const uris = await noteDocuments(at, batch.documents);
        await writeCopies(at, batch, uris);
        await confirmDocuments(at, uris);
        at.forget();
        written += batch.chunks.length;
      }
      return { written };
    },
    query: async (given) => query(at, checkQuery(given)),
    explain: async (given) => explain(at, checkQuery(given)),
    async deleteByDocument(document) {
      checkId(document, "The document id");
      const { spaces } = await collections.look();
      const gone = new Set<string>();
      for (const space of spaces) for (const id of await collections.removeDocument(space, document)) gone.add(id);
      await collections.forgetDocument(document);
      at.forget();
      return { deleted: gone.size };
    },
    async count(filter?: Filter) {
      const node = filter === undefined ? null : parseFilter(filter);
      const { spaces, counts } = await at.spaces();
      const [only, ...others] = spaces;
      if (!only) return 0;
      if (others.length === 0 && !node) return counts.get(only.id) ?? 0;
      return (await at.ids(spaces, node)).length;
    },
    spaces: async () => (await at.spaces()).spaces.map(plainSpace),
    async current() {
      const { current } = await at.spaces();
      return current && plainSpace(current);
    },
    reindexing: copiesReindexing(at),
  };
}

/** Writes chunks into their spaces, then removes what other spaces have of them. Where one appeared meanwhile, or was freed, it is done again. */
async function writeCopies(at: CopiesTenant, { chunks }: Batch, uris: Uris): Promise<void> {
  const { collections } = at;
  const bySpace = Map.groupBy(chunks, ({ space }) => space);
  const written = [...bySpace.keys()];
  for (let { spaces: known } = await collections.look(); ; ) {
    const version = newVersion(await versionsElsewhere(at, bySpace, known));
    for (const [space, some] of bySpace)
      await collections.put(
        space,
        some.map((chunk) => copyOf(chunk, uris.get(chunk.document) ?? null, version)),
      );
    const { spaces: now } = await collections.look();
    // What the only space that is written had is written over, so it need not have been looked at.
    const seen = [...known, ...(written.length === 1 ? written : [])];
    if (isWithin(written, now) && isWithin(now, seen)) {
      for (const [space, ids] of elsewhere(bySpace, now)) await collections.remove(space, ids, { below: version });
      return;
    }
    known = now;
  }
}

const isWithin = (some: readonly CheckedSpace[], all: readonly CheckedSpace[]): boolean =>
  some.every(({ id }) => all.some((one) => one.id === id));

/** Spaces beside those of chunks that are written, and the ids of these. */
function elsewhere(
  bySpace: ReadonlyMap<CheckedSpace, Batch["chunks"]>,
  spaces: readonly CheckedSpace[],
): [CheckedSpace, string[]][] {
  return spaces.flatMap((space) =>
    [...bySpace].flatMap(([own, some]): [CheckedSpace, string[]][] =>
      own.id === space.id ? [] : [[space, some.map(({ id }) => id)]],
    ),
  );
}

/** Versions that spaces have of chunks which are written into another one. */
async function versionsElsewhere(
  { collections }: CopiesTenant,
  bySpace: ReadonlyMap<CheckedSpace, Batch["chunks"]>,
  known: readonly CheckedSpace[],
): Promise<number[]> {
  const versions: number[] = [];
  for (const [space, ids] of elsewhere(bySpace, known))
    for (const { version } of await collections.read(space, ids)) versions.push(version);
  return versions;
}
