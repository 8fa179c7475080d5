import { parallel } from "../artifact/turns.ts";
import { StoreError } from "../errors.ts";
import { isPlain, refuse } from "../input.ts";
import { outsideRuns, prefixOf, type RoleRuns, RUNS } from "../runs.ts";
import type { Chunk, EmbeddingSpace, VectorAdapter, VectorHit, VectorQuery, VectorStore } from "./contract.ts";
import type { Filter } from "./filter.ts";
import { checkId, checkQuery } from "./validate.ts";

/** Metadata by which a run's chunks are found; nobody else's may have it. */
const KEY = "agent-stores/run";
/** Hits by which a clean-up finds documents, whose texts come with them, and deletions that are under way at a time. */
const BATCH = 200;
const AT_ONCE = 8;

type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

/** A run's chunks and documents have its prefix, and its id among their metadata, by which queries are filtered. */
const runs: RoleRuns<VectorAdapter, VectorStore> = {
  atLarge: (adapter, tenant) => atLarge(adapter.tenant(tenant)),
  ofRun(adapter, tenant, run) {
    const store = adapter.tenant(tenant);
    return { store: narrowed(store, run), cleanUp: async () => ({ chunks: await removeAll(store, { [KEY]: run }) }) };
  },
};
export default runs;

function atLarge(store: VectorStore): VectorStore {
  const outside: Filter = { [KEY]: { exists: false } };
  // Not by a count, which would look at the metadata of every chunk.
  const anyInRuns = async () => (await part(store, { [KEY]: { exists: true } }).spaces()).length > 0;
  const within = part(store, outside);
  const check = (chunk: Chunk): Chunk => {
    outsideRuns("vector", chunk?.id, "A chunk id");
    outsideRuns("vector", chunk?.document, "A document id");
    return withoutKey(chunk);
  };
  return {
    ...store,
    upsert: async (chunks) => store.upsert(each(chunks, check)),
    async query(query) {
      // Most tenants have no chunks of runs among the nearest, and a filter that says so would cost all of them.
      const hits = await within.ask(query, (asked) => store.query(asked), []);
      if (!hits.some(({ id }) => id.startsWith(RUNS))) return hits;
      return within.ask(narrow(query, outside), (asked) => store.query(asked), []);
    },
    explain: async (query) => within.ask(query, (asked) => store.explain(asked), NOTHING),
    deleteByDocument: async (document) => store.deleteByDocument(outsideRuns("vector", document, "The document id")),
    count: async (filter) => store.count((await anyInRuns()) ? both(outside, filter) : filter),
    spaces: async () => ((await anyInRuns()) ? within.spaces() : store.spaces()),
  };
}

function narrowed(store: VectorStore, run: string): VectorStore {
  const start = prefixOf(run);
  const mine: Filter = { [KEY]: run };
  const within = part(store, mine);
  const keep = (chunk: Chunk): Chunk => {
    const id = start + checkId(chunk?.id, "A chunk id");
    const document = start + checkId(chunk.document, "A document id");
    const { metadata = {} } = withoutKey(chunk);
    return { ...chunk, id, document, metadata: isPlain(metadata) ? { ...metadata, [KEY]: run } : metadata };
  };
  const shown = ({ metadata, ...hit }: VectorHit): VectorHit => {
    const { [KEY]: _, ...rest } = metadata;
    return { ...hit, id: hit.id.slice(start.length), document: hit.document.slice(start.length), metadata: rest };
  };
  return {
    ...store,
    upsert: async (chunks) => store.upsert(each(chunks, keep)),
    query: async (query) => (await within.ask(narrow(query, mine), (asked) => store.query(asked), [])).map(shown),
    explain: async (query) => within.ask(narrow(query, mine), (asked) => store.explain(asked), NOTHING),
    deleteByDocument: async (document) => store.deleteByDocument(start + checkId(document, "The document id")),
    count: async (filter) => store.count(both(mine, filter)),
    spaces: within.spaces,
  };
}

const NOTHING = { access: "exact", index: null, detail: "there is nothing to look through" } as const;

const both = (mine: Filter, filter: Filter | undefined): Filter =>
  filter === undefined ? mine : { and: [mine, filter] };
const narrow = (query: VectorQuery, mine: Filter): VectorQuery =>
  query && { ...query, filter: both(mine, query.filter) };

function withoutKey(chunk: Chunk): Chunk {
  if (isPlain(chunk?.metadata) && Object.hasOwn(chunk.metadata, KEY))
    refuse("vector", `A chunk has the metadata key "${KEY}", which tells runs apart.`, "Name it differently.");
  return chunk;
}

/** A list stays a list, which stores check whole before they write. */
function each(chunks: Chunks, change: (chunk: Chunk) => Chunk): Chunks {
  return Array.isArray(chunks) ? chunks.map(change) : eachOf(chunks, change);
}

async function* eachOf(chunks: Chunks, change: (chunk: Chunk) => Chunk): AsyncGenerator<Chunk> {
  for await (const chunk of chunks) yield change(chunk);
}

/** Any direction: only what it finds matters, not how near it is. */
const anyVector = ({ dimensions }: EmbeddingSpace) => Float32Array.from({ length: dimensions }, (_, i) => (i ? 0 : 1));

/** A part of a tenant's chunks. The store knows the tenant's spaces, of which the part may hold fewer. */
function part(store: VectorStore, filter: Filter) {
  const spaces = async (): Promise<EmbeddingSpace[]> => {
    const held = await Promise.all(
      (await store.spaces()).map(async (space) => {
        const hits = await store.query({ vector: anyVector(space), topK: 1, space, filter });
        return hits.length > 0 ? [space] : [];
      }),
    );
    return held.flat();
  };
  /** Asks as it stands; where the tenant's spaces were the reason to refuse, anew by those of the part. */
  const ask = async <T>(query: VectorQuery, answer: (query: VectorQuery) => Promise<T>, none: T): Promise<T> => {
    try {
      return await answer(query);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "invalid") throw error;
      const { space } = checkQuery(query);
      const [only, ...others] = await spaces();
      if (!only) return none;
      if (space || others.length > 0) throw error;
      return answer({ ...query, space: only });
    }
  };
  return { spaces, ask };
}

/** Whole documents, since a document of a run has chunks of the run alone. */
async function removeAll(store: VectorStore, filter: Filter): Promise<number> {
  let removed = 0;
  const { spaces } = part(store, filter);
  for (let held = await spaces(); held.length > 0; held = await spaces()) {
    for (const space of held) {
      const hits = await store.query({ vector: anyVector(space), topK: BATCH, space, filter });
      const documents = [...new Set(hits.map((hit) => hit.document))];
      for (const { deleted } of await parallel(documents, AT_ONCE, (one) => store.deleteByDocument(one)))
        removed += deleted;
    }
  }
  return removed;
}
