import { byCodePoint } from "../order.ts";
import { tenantsOf } from "../portable.ts";
import type { Portable } from "../role.ts";
import type { VectorStore } from "./contract.ts";
import { parts } from "./copies.ts";
import { overwriteDocuments } from "./copies-documents.ts";
import type { CopiesTenant } from "./copies-tenant.ts";
import { chunkRecord, documentRecord, importAll } from "./records.ts";

/** Chunks that are read at a time. */
const PAGE = 250;

/** Snapshots of collections, which have no order by id: the ids of one tenant are sorted here. They are held in memory, nothing else is. */
export function copiesPortable(
  tenants: () => Promise<readonly string[]>,
  at: (tenant: string) => CopiesTenant,
  store: (tenant: string) => VectorStore,
): Portable {
  return {
    async *export({ tenant } = {}) {
      for (const one of await tenantsOf(tenant, tenants)) yield* recordsOf(at(one));
    },
    import: (records) =>
      importAll(records, {
        chunks: async (tenant, chunks) => (await store(tenant).upsert(chunks)).written,
        documents: (tenant, documents) => overwriteDocuments(at(tenant), documents),
      }),
  };
}

async function* recordsOf(at: CopiesTenant) {
  const { tenant, collections } = at;
  const { current, spaces } = await at.spaces();
  // A chunk travels with one vector: that of the tenant's current space, else of the first by its id.
  const first = [...(current ? [current] : []), ...spaces.filter(({ id }) => id !== current?.id)];
  for (const ids of parts((await at.ids(spaces)).sort(byCodePoint), PAGE)) {
    const missing = new Set(ids);
    const records = new Map<string, ReturnType<typeof chunkRecord>>();
    for (const space of first)
      for (const { id, document, text, position, metadata, vector } of await collections.readWhole(space, [
        ...missing,
      ])) {
        records.set(id, chunkRecord(tenant, { id, document, text, position, metadata, vector, space }));
        missing.delete(id);
      }
    for (const id of ids) {
      const record = records.get(id);
      if (record) yield record;
    }
  }
  for (const ids of parts((await collections.documentIds()).sort(byCodePoint), PAGE)) {
    const known = await collections.documents(ids);
    for (const id of ids) if (known.has(id)) yield documentRecord(tenant, { id, uri: known.get(id) ?? null });
  }
}
