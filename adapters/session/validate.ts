import {
  checkInteger,
  checkJson,
  checkText,
  isPlain,
  MAX_NESTING,
  refuse as refuseInput,
  rewritesItself,
  show,
} from "../input.ts";
import type { AppendOptions, Fence, LockOptions, RateLimit, SetOptions } from "./contract.ts";

const MAX_NAME = 512;
/** What one call sends, of a value or of messages together: servers cut clients off that send or are sent a few times as much. */
const MAX_JSON = 8 * 1024 * 1024;
const MAX_TTL = 315_576_000_000;
const MOST = Number.MAX_SAFE_INTEGER;

const refuse = (what: string, mend: string): never => refuseInput("session", what, mend);
const checkNumber = (value: unknown, what: string, least: number, most: number) =>
  checkInteger("session", value, what, least, most);

/** A name of anything, or `StoreError` code `invalid`. */
export function checkName(name: unknown, what: string): string {
  const text = checkText("session", name, what);
  if (text.length === 0 || text.length > MAX_NAME)
    refuse(`${what} has ${text.length} characters.`, `Use 1 to ${MAX_NAME}.`);
  return text;
}

/** A value's JSON text, or `StoreError` code `invalid`. */
export function checkValue(value: unknown, what: string): string {
  // Most values pass these looks, which cost a tenth of the full one; its NUL characters and lone surrogates a text has as escapes.
  const plain = isPlainJson(value, 0);
  if (!plain) checkJson("session", value, what);
  const json = JSON.stringify(value);
  if (plain && (json.includes("\\u0000") || json.includes("\\ud"))) checkJson("session", value, what);
  if (isOver([json]))
    refuse(`${what} has more than 8 MiB of JSON.`, "Keep large values in an artifact, and its name here.");
  return json;
}

/** No character has more than three bytes of UTF-8 per unit: most texts need no counting. */
function isOver(jsons: readonly string[]): boolean {
  if (jsons.reduce((sum, json) => sum + json.length, 0) * 3 <= MAX_JSON) return false;
  return jsons.reduce((sum, json) => sum + Buffer.byteLength(json), 0) > MAX_JSON;
}

/** Whether it is, strings apart; false where that takes a closer look. */
function isPlainJson(value: unknown, depth: number): boolean {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || depth > MAX_NESTING || rewritesItself(value)) return false;
  if (Array.isArray(value)) {
    for (const one of value) if (!isPlainJson(one, depth + 1)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) if (!isPlainJson((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}

/** The JSON texts of one call's messages, or `StoreError` code `invalid`. */
export function checkMessages(messages: unknown): string[] {
  if (!Array.isArray(messages) || messages.length < 1 || messages.length > 1_000)
    return refuse("append takes a list of 1 to 1,000 messages.", "Append in several calls.");
  const jsons = messages.map((one, at) => checkValue(one, `Message ${at + 1}`));
  if (isOver(jsons)) refuse("The messages of one call have more than 8 MiB of JSON.", "Append in several calls.");
  return jsons;
}

/** An object of options, or none; a misspelt name would go unnoticed. */
function checkOptions<Options extends object>(
  options: Options | undefined,
  what: string,
  known: readonly string[],
): Partial<Options> {
  if (options === undefined) return {};
  if (!isPlain(options))
    return refuse(`The options of ${what} are no object.`, "Give { name: value }, or leave them out.");
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${what} has no option "${show(unknown)}".`, `It has ${known.join(", ")}.`);
  return options;
}

function checkBoolean(value: unknown, what: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  return refuse(`${what} is ${show(value)}.`, "Use true or false.");
}

export function checkTtl(ttlMs: unknown, what = "ttlMs"): number {
  return checkNumber(ttlMs, what, 1, MAX_TTL);
}

const optionalTtl = (ttlMs: unknown) => (ttlMs === undefined ? undefined : checkTtl(ttlMs));

export function checkSet(given: SetOptions | undefined): SetOptions {
  const { ttlMs, ifAbsent, fence } = checkOptions(given, "set", ["ttlMs", "ifAbsent", "fence"]);
  const checked = { ttlMs: optionalTtl(ttlMs), ifAbsent: checkBoolean(ifAbsent, "ifAbsent") };
  return fence === undefined ? checked : { ...checked, fence: checkFence(fence) };
}

function checkFence(fence: Fence): Fence {
  // A Lock is one too, and no plain object.
  if (typeof fence !== "object" || fence === null) return refuse("The fence is no object.", "Give the lock.");
  return { lock: checkName(fence.lock, "The fence's lock"), token: checkNumber(fence.token, "Its token", 1, MOST) };
}

export function checkAppend(given: AppendOptions | undefined): AppendOptions {
  const { keep, ttlMs } = checkOptions(given, "append", ["keep", "ttlMs"]);
  return {
    keep: keep === undefined ? undefined : checkNumber(keep, "keep", 1, 1_000_000),
    ttlMs: optionalTtl(ttlMs),
  };
}

/** Either the newest ones or those after one, with how many. */
export function checkMessagesWanted(
  given: { last?: number } | { after: number; limit?: number } | undefined,
): { last: number } | { after: number; limit: number } {
  const all = given as { last?: number; after?: number; limit?: number } | undefined;
  const { last, after, limit } = checkOptions(all, "messages", ["last", "after", "limit"]);
  if (after === undefined) {
    if (limit !== undefined) refuse("limit goes with after.", "Use last for the newest ones.");
    return { last: checkNumber(last ?? 100, "last", 1, 1_000_000) };
  }
  if (last !== undefined) refuse("last and after exclude each other.", "Give one of them.");
  return { after: checkNumber(after, "after", 0, MOST - 1), limit: checkNumber(limit ?? 100, "limit", 1, 1_000_000) };
}

export function checkIncrement(by: unknown, given: { ttlMs?: number } | undefined) {
  const { ttlMs } = checkOptions(given, "increment", ["ttlMs"]);
  return { by: checkNumber(by, "by", -MOST, MOST), ttlMs: optionalTtl(ttlMs) };
}

export function checkRate(rate: RateLimit): Required<RateLimit> {
  if (!isPlain(rate)) return refuse("The rate is missing.", "Give { limit, windowMs }.");
  const { limit: most, windowMs, cost = 1 } = checkOptions<RateLimit>(rate, "rateLimit", ["limit", "windowMs", "cost"]);
  const limit = checkNumber(most, "limit", 1, 1_000_000);
  return {
    limit,
    windowMs: checkNumber(windowMs, "windowMs", 1, 31_557_600_000),
    cost: checkNumber(cost, "cost", 1, limit),
  };
}

export function checkLock(given: LockOptions | undefined): Required<LockOptions> {
  const { ttlMs = 10_000, waitMs = 0, autoExtend } = checkOptions(given, "lock", ["ttlMs", "waitMs", "autoExtend"]);
  return {
    ttlMs: checkNumber(ttlMs, "ttlMs", 100, 3_600_000),
    waitMs: checkNumber(waitMs, "waitMs", 0, MAX_TTL),
    autoExtend: checkBoolean(autoExtend, "autoExtend") ?? true,
  };
}

export function checkScore(score: unknown, what: string): number {
  if (typeof score === "number" && Number.isFinite(score)) return score + 0;
  return refuse(`${what} is ${show(score)}.`, "Use a finite number.");
}

export function checkRange(given: { offset?: number; limit?: number } | undefined) {
  const { offset = 0, limit = 100 } = checkOptions(given, "ranking", ["offset", "limit"]);
  return {
    offset: checkNumber(offset, "offset", 0, 2_147_483_647),
    limit: checkNumber(limit, "limit", 1, 10_000),
  };
}

export function checkPrefix(given: { prefix?: string } | undefined): string {
  const { prefix = "" } = checkOptions(given, "keys", ["prefix"]);
  return prefix === "" ? "" : checkName(prefix, "The prefix");
}

export function checkKeys(keys: readonly string[]): readonly string[] {
  if (!Array.isArray(keys) || keys.length > 10_000)
    return refuse("getMany takes a list of at most 10,000 keys.", "Ask for them in several calls.");
  for (const key of keys) checkName(key, "A key");
  return keys;
}

export function checkReceiver(receive: unknown): void {
  if (typeof receive !== "function") refuse("subscribe needs a function that receives.", "Give one.");
}

export const outOfRange = (what: string): never =>
  refuse(`${what} would leave the numbers that it can hold; it stays as it was.`, "Add less, or reset it.");
