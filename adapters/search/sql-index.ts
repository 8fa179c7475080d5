import { intArray, jsonbArray, textArray } from "../clients/binary.ts";
import type { Statement } from "../clients/sql.ts";
import { byCodePoint } from "../order.ts";
import { type Part, partOf, prefixOf, runOf } from "../runs.ts";
import { sharedLock } from "../vector/sql-upsert.ts";
import type { CheckedEntry } from "./validate.ts";
import { ends, vocabulary } from "./words.ts";

/** Every row of a tenant, as its policy on `search_lexemes` is asked; writers see none without. */
export const everything = (tenant: string) => ({ "app.search": tenantLexeme(tenant) });

/** The lexeme that each of a tenant's rows has, as a tsquery. Word boundaries and ids leave nothing in it to quote. */
export const tenantLexeme = (tenant: string) => `' ${tenant}'`;

/** A part of a tenant's rows, as a tsquery: those of runs have a lexeme of all runs too, and one of their own. */
export const partLexeme = (tenant: string, { from, inside }: Part): string =>
  inside ? `' ${tenant}/${runOf(from)}'` : `!' ${tenant}/'`;

/** Lookups go through keys, whatever the planner believes of a table's size: its statistics lag behind a load. */
export const byKey = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  max_parallel_workers_per_gather: "0",
  plan_cache_mode: "force_generic_plan",
};

/**
 * The statements that write one batch, whose entries are in order of their ids: every writer locks them in the same order. Each names the tenant, as the
 * fleet's account, which imports by them, is bound by no policy.
 */
export function indexStatements(tenant: string, entries: readonly CheckedEntry[]): Statement[] {
  const ids = textArray(entries.map(({ id }) => id));
  const titles = textArray(entries.map(({ title }) => title));
  const texts = textArray(entries.map(({ text }) => text));
  const languages = textArray(entries.map(({ language }) => language));
  const metadata = jsonbArray(entries.map((one) => one.metadata));
  const documents = textArray(entries.map(({ document }) => document));
  const runs = textArray(entries.map(({ id }) => runOf(id) ?? null));
  const words = wordsOf(entries);
  return [
    sharedLock(tenant),
    {
      text: `insert into agents.search_documents (tenant_id, entry_id, document_id, title, text, language, metadata)
        select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
        on conflict (tenant_id, entry_id) do update set document_id = excluded.document_id, title = excluded.title,
          text = excluded.text, language = excluded.language, metadata = excluded.metadata`,
      values: [tenant, ids, documents, titles, texts, languages, metadata],
    },
    {
      text: `insert into agents.search_lexemes (tenant_id, entry_id, lexemes, metadata)
        select $1, e.id, agents.search_lexemes_of(
          array[' ' || $1] || case when e.run is not null then array[' ' || $1 || '/', ' ' || $1 || '/' || e.run] end,
          e.language, e.title, e.text), e.metadata
        from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[]) e (id, title, text, language, metadata, run)
        on conflict (tenant_id, entry_id) do update set lexemes = excluded.lexemes, metadata = excluded.metadata`,
      values: [tenant, ids, titles, texts, languages, metadata, runs],
    },
    {
      // In order, as two writers may add the same word.
      text: `insert into agents.search_words (tenant_id, head, tail, length, word)
        select $1, n.* from unnest($2::text[], $3::text[], $4::int4[], $5::text[]) n (head, tail, length, word)
        where not exists (select from agents.search_words k
          where k.tenant_id = $1 and k.head = n.head and k.length = n.length and k.word = n.word offset 0)
        on conflict do nothing`,
      values: [
        tenant,
        textArray(words.map(({ head }) => head)),
        textArray(words.map(({ tail }) => tail)),
        intArray(words.map(({ length }) => length)),
        textArray(words.map(({ word }) => word)),
      ],
    },
  ];
}

/** Those of a run begin and end otherwise, so that nobody else's typos are mended to them, and they go with the run. */
function wordsOf(entries: readonly CheckedEntry[]) {
  const byStart = Map.groupBy(entries, ({ id }) => startOf(runOf(id)));
  return [...byStart]
    .sort(([a], [b]) => byCodePoint(a, b))
    .flatMap(([start, of]) => {
      const written = vocabulary(of.flatMap(({ title, text }) => (title === null ? [text] : [title, text])));
      return [...written].sort(byCodePoint).map((word) => {
        const { head, tail, length } = ends(word);
        return { head: start + head, tail: start + tail, length, word };
      });
    });
}

const startOf = (run: string | undefined) => (run === undefined ? "" : prefixOf(run));

/** The statements that remove entries; the last has how many, as `n`. The entries are locked first, in the order of every writer. */
export function deleteStatements(tenant: string, by: "entry_id" | "document_id", id: string): Statement[] {
  return [
    sharedLock(tenant),
    {
      text: `select from agents.search_documents where tenant_id = $1 and ${by} = $2 order by entry_id for update`,
      values: [tenant, id],
    },
    {
      text: `with gone as (delete from agents.search_documents where tenant_id = $1 and ${by} = $2 returning entry_id),
          too as (delete from agents.search_lexemes l using gone where l.tenant_id = $1 and l.entry_id = gone.entry_id)
        select count(*)::int4 as n from gone`,
      values: [tenant, id],
    },
  ];
}

/** The statements that remove a run's entries, and its words; the last but one has how many entries, as `n`. */
export function removeRunStatements(tenant: string, run: string): Statement[] {
  const { from, to } = partOf(run);
  const values = [tenant, from, to];
  const mine = "tenant_id = $1 and entry_id >= $2 and entry_id < $3";
  return [
    sharedLock(tenant),
    { text: `select from agents.search_documents where ${mine} order by entry_id for update`, values },
    {
      text: `with too as (delete from agents.search_lexemes where ${mine}), gone as (delete from agents.search_documents where ${mine} returning 1)
        select count(*)::int4 as n from gone`,
      values,
    },
    { text: "delete from agents.search_words where tenant_id = $1 and head >= $2 and head < $3", values },
  ];
}
