import { checkInteger, checkJson, checkText, isPlain, refuse as refuseInput, show } from "../input.ts";
import type { CheckedFact, CheckedSearch, WordRange } from "./backend.ts";
import type { ChangeOptions, MemorySearch, NewFact, PutFactOptions } from "./contract.ts";
import { endOf, runsOf, stringsOf, wordsOf } from "./words.ts";

const MAX_NAME = 512;
const MAX_JSON = 256 * 1024;
const MAX_TOGETHER = 16 * 1024 * 1024;
const MAX_MANY = 1_000;
const MAX_TEXT = 4_096;
const MAX_WORDS = 32;
/** The end of 2199: its microseconds are still whole numbers in JavaScript. */
export const MAX_MOMENT = Date.UTC(2200, 0, 1) - 1;

export const refuse = (what: string, mend: string): never => refuseInput("memory", what, mend);

/** A name of anything, or `StoreError` code `invalid`. */
export function checkName(name: unknown, what: string): string {
  const text = checkText("memory", name, what);
  if (text.length === 0 || text.length > MAX_NAME)
    refuse(`${what} has ${text.length} characters.`, `Use 1 to ${MAX_NAME}.`);
  return text;
}

const optionalName = (name: unknown, what: string) =>
  name === undefined || name === null ? null : checkName(name, what);

/** An object with known names alone; a misspelt one would go unnoticed. */
function checkObject<T extends object>(given: T | undefined, what: string, known: readonly string[]): Partial<T> {
  if (given === undefined) return {};
  if (!isPlain(given)) return refuse(`${what} is no plain object.`, `Give { ${known[0]}, … }.`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${what} has no "${show(unknown)}".`, `It has ${known.join(", ")}.`);
  return given;
}

const FIELDS = ["key", "value", "agent", "kind", "confidence", "source", "expiresAt"];

export function checkFact(given: NewFact, what = "The fact"): CheckedFact {
  if (given === undefined) refuse(`${what} is missing.`, "Give { key, value }.");
  const { key, value, agent, kind = "fact", confidence, source, expiresAt } = checkObject<NewFact>(given, what, FIELDS);
  const name = checkName(key, `${what}: its key`);
  const { json, strings } = checkValue(value, what);
  const checked = {
    key: name,
    agent: optionalName(agent, `${what}: its agent`),
    kind: checkName(kind, `${what}: its kind`),
    json,
    confidence: confidence === undefined || confidence === null ? null : checkShare(confidence, "confidence"),
    source: optionalName(source, `${what}: its source`),
    expires: expiresAt === undefined || expiresAt === null ? null : checkDate(expiresAt, "expiresAt"),
  };
  return { ...checked, words: wordsOf(checked.key, checked.kind, checked.source ?? "", ...strings) };
}

/** A value's JSON text and its strings, or `StoreError` code `invalid`. */
export function checkValue(value: unknown, what: string): { json: string; strings: string[] } {
  checkJson("memory", value, `${what}: its value`);
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) > MAX_JSON)
    refuse(`${what} has a value of more than 256 KiB of JSON.`, "Keep it in an artifact, and its name here.");
  return { json, strings: stringsOf(value as never) };
}

export function checkShare(value: unknown, what: string): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value + 0;
  return refuse(`${what} is ${show(value)}.`, "Use 0 to 1.");
}

/** Microseconds since 1970. */
function checkDate(value: unknown, what: string): number {
  const ms = value instanceof Date ? value.getTime() : Number.NaN;
  if (!(ms >= 0 && ms <= MAX_MOMENT))
    refuse(
      `${what} is ${value instanceof Date ? "no moment from 1970 to 2199" : show(value)}.`,
      "Give a Date of those years.",
    );
  return ms * 1_000;
}

export function checkFacts(given: readonly NewFact[]): CheckedFact[] {
  if (!Array.isArray(given) || given.length < 1 || given.length > MAX_MANY)
    return refuse(`putMany takes a list of 1 to ${MAX_MANY} facts.`, "Put them in several calls.");
  const facts = given.map((one, at) => checkFact(one, `Fact ${at + 1}`));
  const keys = new Set<string>();
  for (const { key } of facts) {
    if (keys.has(key)) refuse(`putMany has the key "${show(key)}" twice.`, "Put each key once.");
    keys.add(key);
  }
  if (facts.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0) > MAX_TOGETHER)
    refuse("The facts of one call have more than 16 MiB of JSON.", "Put them in several calls.");
  return facts;
}

export function checkPut(given: PutFactOptions | undefined): { actor: string | null; expected?: number } {
  const { actor, expectedVersion } = checkObject(given, "The options of put", ["expectedVersion", "actor"]);
  return {
    actor: optionalName(actor, "The actor"),
    expected:
      expectedVersion === undefined
        ? undefined
        : checkInteger("memory", expectedVersion, "expectedVersion", 0, Number.MAX_SAFE_INTEGER),
  };
}

export function checkActor(given: ChangeOptions | undefined, call: string): string | null {
  return optionalName(checkObject(given, `The options of ${call}`, ["actor"]).actor, "The actor");
}

export function checkKeys(keys: readonly string[]): readonly string[] {
  if (!Array.isArray(keys) || keys.length > MAX_MANY)
    return refuse(`getMany takes a list of at most ${MAX_MANY} keys.`, "Ask for them in several calls.");
  return keys.map((key) => checkName(key, "A key"));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const isId = (id: unknown): id is string => typeof id === "string" && UUID.test(id);

/** A key, or an id; an id that no store would give is one that is not there, which is for the caller to say. */
export function checkWhich(given: { key: string } | { id: string }): { key: string } | { id: string } {
  if (given === undefined) refuse("delete needs a key or an id.", "Give { key } or { id }.");
  const { key, id } = checkObject<{ key?: string; id?: string }>(given, "What is deleted", ["key", "id"]);
  if ((key === undefined) === (id === undefined)) refuse("delete takes a key or an id.", "Give { key } or { id }.");
  return key !== undefined ? { key: checkName(key, "The key") } : { id: checkName(id, "The id") };
}

export function checkHistory(given: { limit?: number; before?: number } | undefined) {
  const { limit = 100, before } = checkObject(given, "The options of history", ["limit", "before"]);
  return {
    limit: checkInteger("memory", limit, "limit", 1, 1_000),
    before: before === undefined ? undefined : checkInteger("memory", before, "before", 1, Number.MAX_SAFE_INTEGER),
  };
}

const SEARCH = ["text", "kind", "agent", "source", "prefix", "minConfidence", "limit", "after"];

/** Null where the text has no words. */
export function checkSearch(given: MemorySearch | undefined): CheckedSearch | null {
  const asked = checkObject(given, "The search", SEARCH);
  const { text, kind, agent, source, prefix, minConfidence, limit = 20, after } = asked;
  const words = text === undefined ? [] : rangesOf(text);
  const optional = (name: unknown, what: string) => (name === undefined ? null : checkName(name, what));
  const start = optional(prefix, "The prefix");
  const search = {
    words,
    kind: optional(kind, "The kind"),
    agent: optional(agent, "The agent"),
    source: optional(source, "The source"),
    keys: start === null ? null : { from: start, to: endOf(start) },
    minConfidence: minConfidence === undefined ? null : checkShare(minConfidence, "minConfidence"),
    limit: checkInteger("memory", limit, "limit", 1, 1_000),
    after: after === undefined ? null : placeOf(after),
  };
  return text !== undefined && words.length === 0 ? null : search;
}

/** The words that must be there: the last one as a beginning, unless another begins with it anyway. */
function rangesOf(given: unknown): WordRange[] {
  const text = checkText("memory", given, "The text");
  if (text.length > MAX_TEXT) refuse(`The text has ${text.length} characters.`, `Ask with at most ${MAX_TEXT}.`);
  const words = runsOf(text);
  const start = words.pop();
  const whole = [...new Set(words)];
  if (whole.length >= MAX_WORDS) refuse(`The text has more than ${MAX_WORDS} words.`, "Ask with fewer.");
  const exact: WordRange[] = whole.map((word) => ({ word }));
  if (start === undefined || whole.some((word) => word.startsWith(start))) return exact;
  return [...exact, { from: start, to: endOf(start) as string }];
}

const place = /^(\d{1,16}) (.+)$/;

/** The cursor that goes on after a fact. */
export const cursorOf = ({ updated, id }: { updated: number; id: string }): string =>
  Buffer.from(`${updated} ${id}`).toString("base64url");

function placeOf(after: unknown): { updated: number; id: string } {
  const [, updated, id] = (typeof after === "string" && place.exec(Buffer.from(after, "base64url").toString())) || [];
  if (!isId(id) || Number(updated) > MAX_MOMENT * 1_000 || cursorOf({ updated: Number(updated), id }) !== after)
    return refuse("after is no cursor of a search.", "Give the next of the page before.");
  return { updated: Number(updated), id };
}
