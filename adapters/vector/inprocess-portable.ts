import { byCodePoint } from "../order.ts";
import { tenantsOf } from "../portable.ts";
import type { Portable } from "../role.ts";
import type { VectorStore } from "./contract.ts";
import { type Kept, type KeptVector, type Tenant, tenantIn } from "./inprocess-state.ts";
import { chunkRecord, documentRecord, importAll } from "./records.ts";

/** Snapshots of what is in this process's memory. */
export function inprocessPortable(tenants: Map<string, Tenant>, store: (tenant: string) => VectorStore): Portable {
  return {
    async *export({ tenant } = {}) {
      for (const one of await tenantsOf(tenant, async () => [...tenants.keys()])) {
        const held = tenants.get(one);
        if (!held) continue;
        for (const chunk of [...held.chunks.values()].sort((a, b) => byCodePoint(a.id, b.id)))
          yield chunkRecord(one, { ...chunk, ...vectorOf(chunk, held) });
        for (const [id, uri] of [...held.uris].sort((a, b) => byCodePoint(a[0], b[0])))
          yield documentRecord(one, { id, uri });
      }
    },
    import: (records) =>
      importAll(records, {
        chunks: async (tenant, chunks) => (await store(tenant).upsert(chunks)).written,
        async documents(tenant, documents) {
          for (const { id, uri } of documents) tenantIn(tenants, tenant).uris.set(id, uri);
        },
      }),
  };
}

/** A chunk travels with one vector: that of the tenant's current space, else of the first by its id. */
function vectorOf({ vectors }: Kept, { marks }: Tenant): KeptVector {
  const [first] = [...vectors.keys()].sort();
  return vectors.get(marks.current ?? "") ?? (vectors.get(first ?? "") as KeptVector);
}
