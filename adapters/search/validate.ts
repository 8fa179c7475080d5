import { checkText as checkInput, checkInteger, checkJson, isPlain, refuse as refuseInput, show } from "../input.ts";
import { type FilterNode, parseFilter } from "../vector/filter.ts";
import { type HighlightOptions, LANGUAGES, type Language, type SearchEntry, type SearchQuery } from "./contract.ts";

const MAX_ID = 512;
const MAX_TITLE = 1_024;
const MAX_TEXT = 1_048_576;
const MAX_METADATA = 65_536;
const MAX_QUERY = 2_048;
const MAX_MARK = 64;
/** So many entries that match are ranked, and no answer goes beyond them. */
export const RANKED = 5_000;

function refuse(what: string, mend: string): never {
  return refuseInput("search", what, mend);
}
const checkText = (value: unknown, what: string) => checkInput("search", value, what);

/** An entry that every store can keep, in the form that stores write. */
export interface CheckedEntry {
  id: string;
  document: string | null;
  title: string | null;
  text: string;
  /** JSON text of plain values. */
  metadata: string;
  language: Language;
}

const ENTRY = new Set(["id", "document", "title", "text", "metadata", "language"]);

/** An entry in the form that is written, or `StoreError` code `invalid` naming it. */
export function checkEntry(entry: SearchEntry): CheckedEntry {
  const id = checkId(entry?.id, "An entry's id");
  const about = `Entry "${id.slice(0, 80)}"`;
  checkNames(entry, ENTRY, about);
  const { document = null, title = null, metadata = {}, language = "english" } = entry;
  return {
    id,
    document: document === null ? null : checkId(document, `${about}: its document id`),
    title: title === null ? null : checkLength(title, `${about}: its title`, 0, MAX_TITLE),
    text: checkLength(entry.text, `${about}: its text`, 0, MAX_TEXT),
    metadata: checkMetadata(metadata, about),
    language: checkLanguage(language),
  };
}

export interface CheckedHighlight {
  open: string;
  close: string;
  words: number;
  escape: "html" | "none";
}

export interface CheckedQuery {
  text: string;
  filter: FilterNode | null;
  limit: number;
  offset: number;
  highlight: CheckedHighlight | null;
  withText: boolean;
  fuzzy: boolean;
  language: Language;
}

const QUERY = new Set(["text", "filter", "limit", "offset", "highlight", "withText", "fuzzy", "language"]);

/** A query in the form that is run, or `StoreError` code `invalid`. */
export function checkQuery(query: SearchQuery): CheckedQuery {
  if (!isPlain(query)) refuse("The query is no object.", "Write { text: … }.");
  checkNames(query, QUERY, "The query");
  const { filter, limit = 10, offset = 0, highlight = false, withText = true, fuzzy = "auto" } = query;
  if (typeof withText !== "boolean") refuse(`withText is ${show(withText)}.`, "Use true or false.");
  if (fuzzy !== "auto" && fuzzy !== "never") refuse(`fuzzy is ${show(fuzzy)}.`, 'Use "auto" or "never".');
  checkInteger("search", limit, "limit", 1, 1_000);
  return {
    text: checkLength(query.text, "The query's text", 1, MAX_QUERY),
    filter: filter === undefined ? null : parseFilter(filter, "search"),
    limit,
    offset: checkInteger("search", offset, "offset", 0, RANKED - limit),
    highlight: highlight === false ? null : checkHighlight(highlight),
    withText,
    fuzzy: fuzzy === "auto",
    language: checkLanguage(query.language ?? "english"),
  };
}

const HIGHLIGHT = new Set(["open", "close", "words", "escape"]);

function checkHighlight(given: true | HighlightOptions): CheckedHighlight {
  if (given !== true && !isPlain(given)) refuse(`highlight is ${show(given)}.`, "Use true, or { open, close }.");
  const options: HighlightOptions = given === true ? {} : given;
  checkNames(options, HIGHLIGHT, "highlight");
  const { open = "<mark>", close = "</mark>", words = 35, escape: mode = "html" } = options;
  if (mode !== "html" && mode !== "none") refuse(`highlight.escape is ${show(mode)}.`, 'Use "html" or "none".');
  return {
    open: checkLength(open, "highlight.open", 0, MAX_MARK),
    close: checkLength(close, "highlight.close", 0, MAX_MARK),
    words: checkInteger("search", words, "highlight.words", 3, 200),
    escape: mode,
  };
}

/** An entry's or document's id, or `StoreError` code `invalid`. */
export const checkId = (id: unknown, what: string): string => checkLength(id, what, 1, MAX_ID);

function checkLength(value: unknown, what: string, least: number, most: number): string {
  const text = checkText(value, what);
  if (text.length >= least && text.length <= most) return text;
  return refuse(`${what} has ${text.length} characters.`, `Use ${least} to ${most}.`);
}

function checkNames(given: object, known: ReadonlySet<string>, about: string): void {
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined) refuse(`${about} has "${show(unknown)}".`, `Use ${[...known].join(", ")}.`);
}

function checkLanguage(language: unknown): Language {
  const known = LANGUAGES.find((one) => one === language);
  return known ?? refuse(`"${show(language)}" is no language that is known.`, `Use one of: ${LANGUAGES.join(" ")}`);
}

function checkMetadata(metadata: unknown, about: string): string {
  if (!isPlain(metadata)) refuse(`${about} has metadata that is no plain object.`, "Give { key: value }.");
  checkJson("search", metadata, `${about}: its metadata`);
  const json = JSON.stringify(metadata);
  if (Buffer.byteLength(json) <= MAX_METADATA) return json;
  return refuse(`${about} has more than 64 KiB of metadata.`, "Keep large values in an artifact, and its name here.");
}
