import { intArray, textArray } from "../clients/binary.ts";
import type { Statement, Value } from "../clients/sql.ts";
import type { Part } from "../runs.ts";
import { filterSql } from "../vector/filter-sql.ts";
import type { Language } from "./contract.ts";
import { partLexeme, tenantLexeme } from "./sql-index.ts";
import { type CheckedQuery, RANKED } from "./validate.ts";
import { BETWEEN, likeness, plainWords, STANDING_FOR } from "./words.ts";

/** A text of which ts_headline makes an excerpt; it reads all that it is given. */
const HEADLINE = 100_000;

/**
 * What searches may be planned with: the full-text index, rows by their keys in bitmaps, and keys that are all there is to a row. The policy's question is
 * not known to the planner, who would at times rather read all rows in the order of their keys.
 */
export const bySearch = {
  enable_seqscan: "off",
  enable_indexscan: "off",
  max_parallel_workers_per_gather: "0",
  plan_cache_mode: "force_generic_plan",
};

const config = (parameter: number) => `('pg_catalog.' || $${parameter}::text)::regconfig`;

/**
 * Asks the policy of `search_lexemes` for the rows of this transaction that match; text without words asks for none.
 * @param narrow asks for the tenant's lexeme too, so that the index leaves out other tenants' rows
 * @param part only its rows; a run's lexeme is narrower than the tenant's. @default all
 */
export function ask(tenant: string, language: Language, text: string, narrow: boolean, part?: Part): Statement {
  const whose = [
    ...(narrow && !part?.inside ? [tenantLexeme(tenant)] : []),
    ...(part ? [partLexeme(tenant, part)] : []),
  ];
  return {
    text: `select set_config('app.search', case when numnode(q) = 0 then '' else coalesce(q && $3::tsquery, q)::text end, true)
      from websearch_to_tsquery(${config(1)}, $2) q`,
    values: [language, plainWords(text), whose.join(" & ") || null],
  };
}

/** Marks around what was found, in an excerpt; no text has them, as nobody knows them. */
export interface Marks {
  start: string;
  stop: string;
}

/** The best of what was asked for. Each row has how many were ranked, as `ranked`. */
export function find(
  { text, language, filter, limit, offset, highlight, withText }: CheckedQuery,
  marks: Marks,
): Statement {
  const values: Value[] = [language, plainWords(text)];
  const where = filter ? `where ${filterSql(filter, "l.metadata", values)}` : "";
  const asked = `(select websearch_to_tsquery(${config(1)}, $2))`;
  let excerpt = "null";
  if (highlight) {
    const { words } = highlight;
    const options = `StartSel="${marks.start}", StopSel="${marks.stop}", MaxWords=${words}, MinWords=${Math.floor(words / 2)}`;
    const of = `translate(left(d.text, ${HEADLINE}), $${values.push(BETWEEN)}, $${values.push(STANDING_FOR)})`;
    excerpt = `ts_headline(('pg_catalog.' || d.language)::regconfig, ${of}, ${asked}, $${values.push(options)})`;
  }
  return {
    // How often, how close together; less in a longer text; as a share of 1.
    text: `with matching as materialized (
        select l.entry_id, ts_rank_cd(l.lexemes, ${asked}, 1 | 32) as score
        from agents.search_lexemes l ${where} limit ${RANKED}),
      best as materialized (select * from matching order by score desc, entry_id offset $${values.push(offset)} limit $${values.push(limit)})
      select b.entry_id as id, b.score::float8 as score, d.document_id as document, d.title, d.metadata, ${excerpt} as excerpt,
        ${withText ? "d.text" : "null"} as text, (select count(*) from matching)::int4 as ranked
      from best b
      cross join lateral (select * from agents.search_documents d where d.entry_id = b.entry_id offset 0) d`,
    values,
  };
}

/** How many words that begin, or end, as one does are looked at: there are not many of a length, but in a vocabulary that is no language's. */
const ALIKE = 2_000;

/**
 * Whether what was asked for is anywhere, as `known`, and else words that may be meant by a word in lower case, as `word`.
 * @param start what the beginnings and ends of a run's words begin with
 */
export function similar(word: string, start = ""): Statement {
  const like = likeness(word);
  const alike = (end: "head" | "tail", parameter: number) => `select w.word
    from unnest($${parameter}::text[], $3::int4[]) l (${end}, length) cross join lateral (
      select w.word from agents.search_words w where w.${end} = l.${end} and w.length = l.length::int2 limit ${ALIKE}) w`;
  return {
    text: `with known as materialized (
        select current_setting('app.search') = '' or exists (select from agents.search_lexemes) as yes)
      select k.yes as known, s.word from known k
      left join lateral (select * from (${alike("head", 1)} union ${alike("tail", 2)}) a where not k.yes) s on true`,
    values: [
      textArray(like.map(({ head }) => start + head)),
      textArray(like.map(({ tail }) => start + tail)),
      intArray(like.map(({ length }) => length)),
    ],
  };
}

/** Whether what was asked for is anywhere, as `known`. */
export const known: Statement = { text: "select exists (select from agents.search_lexemes) as known", values: [] };
