import { checkTenant, type Metadata } from "../input.ts";
import { batches } from "./batches.ts";
import type { OpenVector, VectorCapabilities, VectorHit, VectorStore } from "./contract.ts";
import { type Filter, matches, parseFilter } from "./filter.ts";
import { inprocessPortable } from "./inprocess-portable.ts";
import { inprocessReindexing } from "./inprocess-reindex.ts";
import { cosine, heldBy, keep, length, type Tenant, tenantIn } from "./inprocess-state.ts";
import { byRank } from "./ranking.ts";
import { chooseSpace, plainSpace } from "./spaces.ts";
import { checkId, checkQuery, checkSpace } from "./validate.ts";

/** By URL: everything in this process that opens `inprocess:` shares one state, and `inprocess:name` another. */
const states = new Map<string, Map<string, Tenant>>();

const can: VectorCapabilities = { durable: false, ann: false, shared: false };
const why = {
  durable: "It lives in this process's memory.",
  ann: "It compares with every chunk, which is exact.",
  shared: "Another process has a memory of its own.",
};

/** The `vector` role in this process's memory: for tests and for trying things out. */
const open: OpenVector = (url) => {
  const tenants = states.get(url) ?? new Map<string, Tenant>();
  states.set(url, tenants);
  return {
    tenant: (tenant) => store(tenants, checkTenant(tenant)),
    fleet: {
      async deleteTenant(tenant) {
        const had = tenants.get(checkTenant(tenant));
        tenants.delete(tenant);
        return { documents: had?.uris.size ?? 0, chunks: had?.chunks.size ?? 0 };
      },
      async tenants() {
        const all = [...tenants].map(([tenant, { chunks }]) => ({ tenant, chunks: chunks.size }));
        return all.filter((one) => one.chunks > 0).sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
      },
      ...inprocessPortable(tenants, (tenant) => store(tenants, tenant)),
      async dropSpace(space) {
        const { id } = checkSpace(space);
        const used = [...tenants.values()].some((one) => heldBy(one).spaces.some((held) => held.id === id));
        return used ? "used" : "absent"; // it takes no more than its vectors
      },
    },
    async health() {
      return "in-process memory";
    },
    async close() {},
  };
};
export default open;

function store(tenants: Map<string, Tenant>, tenant: string): VectorStore {
  const mine = () => tenantIn(tenants, tenant);
  const held = () => heldBy(mine());

  return {
    can,
    why,
    async upsert(chunks) {
      let written = 0;
      for await (const batch of batches(chunks)) {
        const { uris, chunks } = mine();
        for (const [document, uri] of batch.documents) uris.set(document, uri ?? uris.get(document) ?? null);
        for (const one of batch.chunks) chunks.set(one.id, keep(one));
        written += batch.chunks.length;
      }
      return { written };
    },
    async query(query) {
      const asked = checkQuery(query);
      const space = chooseSpace(held(), asked);
      const { uris, chunks } = mine();
      const norm = length(asked.vector);
      const hits: VectorHit[] = [];
      for (const one of chunks.values()) {
        const here = space && one.vectors.get(space.id);
        if (!here) continue;
        if (asked.filter && !matches(asked.filter, one.metadata)) continue;
        const score = cosine(asked.vector, norm, here);
        if (score < asked.minScore) continue;
        const { vectors: _, ...hit } = one;
        hits.push({
          ...hit,
          uri: uris.get(one.document) ?? null,
          score,
          metadata: structuredClone(hit.metadata) as Metadata,
          space: plainSpace(space),
        });
      }
      return hits.sort(byRank).slice(0, asked.topK);
    },
    async explain(query) {
      chooseSpace(held(), checkQuery(query));
      return { access: "exact", index: null, detail: "compares with every chunk of the tenant" };
    },
    async deleteByDocument(document) {
      const { uris, chunks } = mine();
      uris.delete(checkId(document, "The document id"));
      const gone = [...chunks.values()].filter((one) => one.document === document);
      for (const { id } of gone) chunks.delete(id);
      return { deleted: gone.length };
    },
    async count(filter?: Filter) {
      const node = filter === undefined ? undefined : parseFilter(filter);
      const all = [...mine().chunks.values()];
      return node ? all.filter((one) => matches(node, one.metadata)).length : all.length;
    },
    spaces: async () => held().spaces.map(plainSpace),
    async current() {
      const { current } = held();
      return current && plainSpace(current);
    },
    reindexing: inprocessReindexing(mine),
  };
}
