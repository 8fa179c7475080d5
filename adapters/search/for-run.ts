import { OUTSIDE, outsideRuns, partOf, type RoleRuns } from "../runs.ts";
import type { SearchAdapter, SearchEntry, SearchStore } from "./contract.ts";
import { checkId } from "./validate.ts";

type Entries = Iterable<SearchEntry> | AsyncIterable<SearchEntry>;

/** Ids of a run's entries and documents have its prefix; by it the store narrows what it finds. */
const runs: RoleRuns<SearchAdapter, SearchStore> = {
  atLarge: (adapter, tenant) => renamed(adapter.tenant(tenant, OUTSIDE), (id, what) => outsideRuns("search", id, what)),
  ofRun(adapter, tenant, run) {
    const part = partOf(run);
    const start = part.from;
    const store = renamed(adapter.tenant(tenant, part), (id, what) => start + checkId(id, what));
    const shown = <Id extends string | null>(id: Id) => (id === null ? id : id.slice(start.length)) as Id;
    const query: SearchStore["query"] = async (asked) => {
      const { hits, ...answer } = await store.query(asked);
      return { ...answer, hits: hits.map((hit) => ({ ...hit, id: shown(hit.id), document: shown(hit.document) })) };
    };
    return { store: { ...store, query }, cleanUp: () => adapter.removeRun(tenant, run) };
  },
};
export default runs;

function renamed(store: SearchStore, kept: (id: string, what: string) => string): SearchStore {
  const keep = (entry: SearchEntry): SearchEntry => {
    const id = kept(entry?.id, "An entry's id");
    const document = entry?.document ?? null;
    return { ...entry, id, ...(document !== null && { document: kept(document, "A document id") }) };
  };
  return {
    ...store,
    index: async (entries) => store.index(each(entries, keep)),
    delete: async (id) => store.delete(kept(id, "The id")),
    deleteByDocument: async (document) => store.deleteByDocument(kept(document, "The document id")),
  };
}

/** A list stays a list, which stores check whole before they write. */
function each(entries: Entries, change: (entry: SearchEntry) => SearchEntry): Entries {
  return Array.isArray(entries) ? entries.map(change) : eachOf(entries, change);
}

async function* eachOf(entries: Entries, change: (entry: SearchEntry) => SearchEntry): AsyncGenerator<SearchEntry> {
  for await (const entry of entries) yield change(entry);
}
