import { Beliefs } from "../beliefs.ts";
import { type Qdrant, qdrantAt } from "../clients/qdrant.ts";
import { checkTenant } from "../input.ts";
import { byCodePoint } from "../order.ts";
import { tenantsOf } from "../portable.ts";
import type { Portable } from "../role.ts";
import type { OpenVector } from "./contract.ts";
import { overwriteDocuments } from "./qdrant-documents.ts";
import { chunksOf, inSpace, is } from "./qdrant-filter.ts";
import { type ChunkPayload, PAGE, rawVector } from "./qdrant-points.ts";
import { qdrantStore } from "./qdrant-store.ts";
import { QdrantTenant, type Shared } from "./qdrant-tenant.ts";
import { chunkRecord, documentRecord, importAll } from "./records.ts";
import { checkSpace } from "./validate.ts";

/** More tenants than a collection has. */
const MANY = 1_000_000;

/** The `vector` role in a collection of Qdrant. */
const open: OpenVector = (url) => {
  const qdrant = qdrantAt(url);
  const shared: Shared = { qdrant, held: new Beliefs(), spaces: new Map() };
  const at = (tenant: string) => new QdrantTenant(shared, tenant);
  return {
    tenant: (tenant) => qdrantStore(at(checkTenant(tenant))),
    fleet: {
      async deleteTenant(tenant) {
        const of = [is("tenant", checkTenant(tenant)), is("owner", tenant)] as const;
        const { chunks, documents } = await qdrant.run(async (client, name) => {
          const [mine, beside] = await Promise.all([
            client.count(name, { filter: { must: [of[0]] } }),
            client.count(name, { filter: documentsOf(tenant) }),
          ]);
          await client.delete(name, { filter: { should: [...of] }, wait: true });
          return { chunks: mine.count, documents: beside.count };
        });
        at(tenant).forget();
        return { documents, chunks };
      },
      async tenants() {
        const all = await namesIn(qdrant, "tenant");
        return [...all].map(([tenant, chunks]) => ({ tenant, chunks }));
      },
      ...portable(qdrant, at),
      async dropSpace(space) {
        const { id } = checkSpace(space);
        shared.spaces.delete(id);
        return qdrant.run(async (client, name) => {
          const { config } = await client.getCollection(name);
          if (!Object.hasOwn(config.params.vectors ?? {}, id)) return "absent";
          const { count } = await client.count(name, { filter: { must: [inSpace(id)] }, exact: true });
          if (count > 0) return "used";
          await client.deleteVectorName(name, id);
          return "dropped";
        });
      },
    },
    async health() {
      return qdrant.run(async (client, name) => {
        const { version } = await client.versionInfo();
        await client.getCollection(name);
        return `Qdrant ${version}, collection ${name}`;
      });
    },
    close: () => qdrant.close(),
  };
};
export default open;

/** The points of documents; those of tenants name none. */
const documentsOf = (tenant: string) => ({
  must: [is("owner", tenant)],
  must_not: [{ is_empty: { key: "document" } }],
});

/** The tenants that a field names, in order, with how many points do. */
async function namesIn(qdrant: Qdrant, key: "tenant" | "owner"): Promise<Map<string, number>> {
  const { hits } = await qdrant.run((client, name) => client.facet(name, { key, limit: MANY, exact: true }));
  return new Map(
    hits.map(({ value, count }) => [String(value), count] as const).sort((a, b) => byCodePoint(a[0], b[0])),
  );
}

/**
 * Snapshots of a collection. The server has no order by keyword, so the ids of one tenant are sorted here: they are held in memory, nothing else is.
 */
function portable(qdrant: Qdrant, at: (tenant: string) => QdrantTenant): Portable {
  const all = async () => [
    ...new Set([...(await namesIn(qdrant, "tenant")).keys(), ...(await namesIn(qdrant, "owner")).keys()]),
  ];
  return {
    async *export({ tenant } = {}) {
      for (const one of await tenantsOf(tenant, all)) yield* recordsOf(at(one));
    },
    import: (records) =>
      importAll(records, {
        chunks: async (tenant, chunks) => (await qdrantStore(at(tenant)).upsert(chunks)).written,
        documents: (tenant, documents) => overwriteDocuments(at(tenant), documents),
      }),
  };
}

async function* recordsOf(at: QdrantTenant) {
  const { tenant } = at;
  const { current } = await at.spaces();
  const ids: string[] = [];
  for await (const page of at.pages(chunksOf(tenant), ["id"])) ids.push(...page.map(({ id }) => id));
  ids.sort(byCodePoint);
  for (let n = 0; n < ids.length; n += PAGE) {
    for (const chunk of await at.read(ids.slice(n, n + PAGE))) {
      const { id, document, text, position, metadata } = chunk;
      const space = await at.space(travels(chunk, current?.id));
      const more = { metadata: JSON.parse(metadata), vector: rawVector(chunk, space.id), space };
      yield chunkRecord(tenant, { id, document, text, position, ...more });
    }
  }
  const documents: { id: string; uri: string | null }[] = [];
  for await (const page of at.pages(documentsOf(tenant), ["document", "uri"]))
    documents.push(...page.map(({ document, uri }) => ({ id: document, uri })));
  for (const one of documents.sort((a, b) => byCodePoint(a.id, b.id))) yield documentRecord(tenant, one);
}

/** A chunk travels with one vector: that of the tenant's current space, else of the first by its id. */
const travels = ({ raw }: ChunkPayload, current: string | undefined): string =>
  current !== undefined && raw[current] ? current : ([...Object.keys(raw)].sort()[0] as string);
