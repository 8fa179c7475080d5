import { StoreError } from "../errors.ts";
import { checkTenant, type Metadata } from "../input.ts";
import { byCodePoint } from "../order.ts";
import { isIn, type Part, partOf } from "../runs.ts";
import { type Filter, type FilterNode, matches, parseFilter } from "../vector/filter.ts";
import { byRank } from "../vector/ranking.ts";
import { batches } from "./batches.ts";
import type {
  Language,
  OpenSearch,
  SearchAnswer,
  SearchCapabilities,
  SearchEntry,
  SearchFleet,
  SearchStore,
} from "./contract.ts";
import { marked } from "./highlight.ts";
import { excerpt, type Indexed, indexed, score } from "./matching.ts";
import { byTenant, type KeptEntry, toRecord } from "./snapshot.ts";
import { parseQuery } from "./tokens.ts";
import { type CheckedQuery, checkId, checkQuery } from "./validate.ts";
import { nearest, plainWords, queryWords, replaceWords, vocabulary } from "./words.ts";

interface Kept extends KeptEntry, Indexed {}
type Tenant = Map<string, Kept>;

/** By URL: everything in this process that opens `inprocess:` shares one state, and `inprocess:name` another. */
const states = new Map<string, Map<string, Tenant>>();

const can: SearchCapabilities = { durable: false, shared: false, languages: false };
const why = {
  durable: "It lives in this process's memory.",
  shared: "Another process has a memory of its own.",
  languages: "It knows the inflections of English alone.",
};

/** The `search` role in this process's memory, by reading every entry: for tests and for trying things out. */
const open: OpenSearch = (url) => {
  const tenants = states.get(url) ?? new Map<string, Tenant>();
  states.set(url, tenants);
  return {
    tenant: (tenant, part) => store(tenants, checkTenant(tenant), part),
    async removeRun(tenant, run) {
      const mine = tenants.get(checkTenant(tenant)) ?? new Map<string, Kept>();
      const gone = [...mine.keys()].filter((id) => isIn(partOf(run), id));
      for (const id of gone) mine.delete(id);
      if (mine.size === 0) tenants.delete(tenant);
      return { entries: gone.length };
    },
    fleet: fleet(tenants),
    async health() {
      return "in-process memory";
    },
    async close() {},
  };
};
export default open;

function store(tenants: Map<string, Tenant>, tenant: string, part?: Part): SearchStore {
  const mine = () => tenants.get(tenant) ?? new Map<string, Kept>();
  const remove = (gone: Kept[]) => {
    for (const { id } of gone) mine().delete(id);
    if (mine().size === 0) tenants.delete(tenant);
    return { deleted: gone.length };
  };
  const all = () => [...mine().values()].filter(({ id }) => !part || isIn(part, id));
  const holding = (filter: FilterNode | null) => all().filter(({ metadata }) => !filter || matches(filter, metadata));
  return {
    can,
    why,
    index: (entries) => index(tenants, tenant, entries),
    async query(query) {
      const asked = checkQuery(query);
      checkLanguage(asked.language);
      const found = search(holding(asked.filter), asked);
      if (!asked.fuzzy || asked.offset > 0 || found.hits.length >= asked.limit) return found;
      const by = mended(all(), asked);
      if (by.size === 0) return found;
      const text = replaceWords(asked.text, by);
      const again = search(holding(asked.filter), { ...asked, text });
      return again.hits.length > 0 ? { ...again, corrected: text } : found;
    },
    async delete(id) {
      const known = mine().get(checkId(id, "The id"));
      return remove(known ? [known] : []);
    },
    async deleteByDocument(document) {
      checkId(document, "The document id");
      return remove([...mine().values()].filter((one) => one.document === document));
    },
    async count(filter?: Filter) {
      return holding(filter === undefined ? null : parseFilter(filter, "search")).length;
    },
  };
}

async function index(
  tenants: Map<string, Tenant>,
  tenant: string,
  entries: Iterable<SearchEntry> | AsyncIterable<SearchEntry>,
): Promise<{ written: number }> {
  let written = 0;
  for await (const batch of batches(entries)) {
    for (const { language } of batch) checkLanguage(language);
    const mine = tenants.get(tenant) ?? new Map<string, Kept>();
    tenants.set(tenant, mine);
    for (const one of batch) {
      const metadata = JSON.parse(one.metadata) as Metadata;
      mine.set(one.id, { ...one, metadata, ...indexed(one.title, one.text, one.language) });
    }
    written += batch.length;
  }
  return { written };
}

function search(entries: Kept[], asked: CheckedQuery): SearchAnswer {
  const { text, language, offset, limit, highlight, withText } = asked;
  const choices = parseQuery(plainWords(text), language);
  const scored = entries.flatMap((entry) => {
    const points = score(entry, choices);
    return points === undefined ? [] : [{ id: entry.id, score: points, entry }];
  });
  const best = scored.sort(byRank).slice(offset, offset + limit);
  const hits = best.map(({ entry, score }) => ({
    id: entry.id,
    document: entry.document,
    title: entry.title,
    ...(withText && { text: entry.text }),
    score,
    highlight: highlight && marked(excerpt(entry.text, entry.language, choices, highlight.words), highlight),
    metadata: structuredClone(entry.metadata) as Metadata,
  }));
  return { hits, bounded: false };
}

/** What words of a query that no entry has are replaced by. */
function mended(entries: Kept[], { text, language }: CheckedQuery): Map<string, string> {
  const by = new Map<string, string>();
  let words: Set<string> | undefined;
  for (const word of queryWords(text)) {
    const choices = parseQuery(word, language);
    if (choices.length === 0 || entries.some((entry) => score(entry, choices) !== undefined)) continue;
    words ??= vocabulary(entries.flatMap((one) => (one.title === null ? [one.text] : [one.title, one.text])));
    const [best] = nearest(word, words);
    if (best) by.set(word, best);
  }
  return by;
}

function checkLanguage(language: Language): void {
  if (language === "english" || language === "simple") return;
  throw new StoreError("unsupported", "search", `${why.languages}`, 'Use "english" or "simple", or another product.');
}

function fleet(tenants: Map<string, Tenant>): SearchFleet {
  const inOrder = () => [...tenants.keys()].sort();
  return {
    async deleteTenant(tenant) {
      const entries = tenants.get(checkTenant(tenant))?.size ?? 0;
      tenants.delete(tenant);
      return { entries };
    },
    async tenants() {
      return inOrder().map((tenant) => ({ tenant, entries: tenants.get(tenant)?.size ?? 0 }));
    },
    async *export({ tenant } = {}) {
      for (const one of tenant === undefined ? inOrder() : [checkTenant(tenant)]) {
        const all = [...(tenants.get(one)?.values() ?? [])].sort((a, b) => byCodePoint(a.id, b.id));
        for (const entry of all)
          yield toRecord(one, { ...entry, metadata: structuredClone(entry.metadata) as Metadata });
      }
    },
    async import(records) {
      let entries = 0;
      for await (const run of byTenant(records, 1_000)) {
        const { written } = await index(tenants, checkTenant(run.tenant), run.entries);
        entries += written;
      }
      return { entry: entries };
    },
  };
}
