import { randomBytes } from "node:crypto";
import type { Row, Value, Work } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import type { Metadata } from "../input.ts";
import { type Part, partSql } from "../runs.ts";
import { type Filter, parseFilter } from "../vector/filter.ts";
import { filterSql } from "../vector/filter-sql.ts";
import { byRank } from "../vector/ranking.ts";
import type { SearchAnswer, SearchHit, SearchQuery } from "./contract.ts";
import { marked } from "./highlight.ts";
import { byKey } from "./sql-index.ts";
import { ask, bySearch, find, known, similar } from "./sql-query.ts";
import type { Sizes } from "./sql-sizes.ts";
import { type CheckedQuery, checkQuery, RANKED } from "./validate.ts";
import { nearest, queryWords, replaceWords, unplain } from "./words.ts";

/** So many similar words are tried for one of a query. */
const TRIED = 5;

/** Finds one tenant's entries, all or those of a part. */
export class SqlReader {
  readonly #client: AccountClient;
  readonly #sizes: Sizes;
  readonly #tenant: string;
  readonly #part: Part | undefined;

  constructor(client: AccountClient, sizes: Sizes, tenant: string, part?: Part) {
    this.#client = client;
    this.#sizes = sizes;
    this.#tenant = tenant;
    this.#part = part;
  }

  async query(query: SearchQuery): Promise<SearchAnswer> {
    const asked = checkQuery(query);
    const narrow = await this.#sizes.narrow(this.#tenant);
    const found = await this.#search(asked, narrow);
    // Where all words must be there and something was found, each of them is there.
    const mayMend = asked.offset === 0 && (found.hits.length === 0 || /\bor\b/i.test(asked.text));
    if (!asked.fuzzy || found.hits.length >= asked.limit || !mayMend) return found;
    return (await this.#mended(asked, narrow)) ?? found;
  }

  async #search(asked: CheckedQuery, narrow: boolean): Promise<SearchAnswer> {
    const nonce = asked.highlight ? randomBytes(8).toString("hex") : "";
    const marks = { start: `\ue000${nonce}\ue000`, stop: `\ue001${nonce}\ue001` };
    const statements = [ask(this.#tenant, asked.language, asked.text, narrow, this.#part), find(asked, marks)];
    const [, rows = []] = await this.#run({ settings: bySearch, statements });
    const hits = rows.map((row): SearchHit => {
      const parts = asked.highlight
        ? String(row.excerpt)
            .split(marks.start)
            .flatMap((part, i) => (i ? part.split(marks.stop) : [part]))
        : [];
      return {
        id: row.id as string,
        document: row.document as string | null,
        title: row.title as string | null,
        ...(asked.withText && { text: row.text as string }),
        score: row.score as number,
        highlight: asked.highlight && marked(parts.map(unplain), asked.highlight),
        metadata: row.metadata as Metadata,
      };
    });
    return { hits: hits.sort(byRank), bounded: rows[0]?.ranked === RANKED };
  }

  /** The answer with typos mended, if there are any, and it has hits. */
  async #mended(asked: CheckedQuery, narrow: boolean): Promise<SearchAnswer | undefined> {
    const choices = await this.#choices(asked, narrow);
    if (choices.size === 0) return undefined;
    const search = async (by: Map<string, string>) => {
      const text = replaceWords(asked.text, by);
      const answer = await this.#search({ ...asked, text }, narrow);
      return answer.hits.length > 0 ? { ...answer, corrected: text } : undefined;
    };
    const first = new Map([...choices].map(([word, [best = word]]) => [word, best]));
    return (await search(first)) ?? this.#outlived(choices, first, asked, narrow, search);
  }

  /** A word may have outlived its last entry: again with the best of those that are somewhere, if they are others. */
  async #outlived(
    choices: Map<string, string[]>,
    first: Map<string, string>,
    { language }: CheckedQuery,
    narrow: boolean,
    search: (by: Map<string, string>) => Promise<SearchAnswer | undefined>,
  ): Promise<SearchAnswer | undefined> {
    const all = [...new Set([...choices.values()].flat())];
    const statements = all.flatMap((word) => [ask(this.#tenant, language, word, narrow, this.#part), known]);
    const answers = await this.#run({ settings: bySearch, statements });
    const alive = new Set(all.filter((_, i) => answers[2 * i + 1]?.[0]?.known));
    const second = new Map<string, string>();
    for (const [word, similar] of choices) {
      const best = similar.find((one) => alive.has(one));
      if (best) second.set(word, best);
    }
    const other = [...second].some(([word, best]) => first.get(word) !== best) || second.size !== first.size;
    return second.size > 0 && other ? search(second) : undefined;
  }

  /** For each word of a query that no entry has, those that may be meant, the best first. */
  async #choices({ text, language }: CheckedQuery, narrow: boolean): Promise<Map<string, string[]>> {
    const words = queryWords(text);
    const choices = new Map<string, string[]>();
    if (words.length === 0) return choices;
    const statements = words.flatMap((word) => [
      ask(this.#tenant, language, word, narrow, this.#part),
      similar(word.toLowerCase(), this.#part?.inside ? this.#part.from : ""),
    ]);
    const answers = await this.#run({ settings: bySearch, statements });
    for (const [i, word] of words.entries()) {
      const rows = answers[2 * i + 1] ?? [];
      if (rows[0]?.known) continue;
      const meant = nearest(
        word,
        rows.flatMap((row) => (row.word === null ? [] : [String(row.word)])),
      );
      if (meant.length > 0) choices.set(word, meant.slice(0, TRIED));
    }
    return choices;
  }

  async count(filter?: Filter): Promise<number> {
    const values: Value[] = [];
    const where = ["true"];
    if (this.#part) where.push(partSql("d.entry_id", this.#part, (bound) => `$${values.push(bound)}`));
    if (filter !== undefined) where.push(filterSql(parseFilter(filter, "search"), "d.metadata", values));
    const text = `select count(*)::float8 as n from agents.search_documents d where ${where.join(" and ")}`;
    const statements = [{ text, values }];
    const [rows] = await this.#run({ settings: byKey, statements });
    return Number(rows?.[0]?.n);
  }

  #run(work: Omit<Work, "tenant" | "repeatable">): Promise<Row[][]> {
    return this.#client.run({ ...work, tenant: this.#tenant, repeatable: true });
  }
}
