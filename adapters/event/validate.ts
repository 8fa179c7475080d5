import { checkInteger, checkJson, checkText, isPlain, refuse as refuseInput, show } from "../input.ts";
import type { Incoming } from "./backend.ts";
import type { EventFollowOptions, EventReadOptions, EventSubscribeOptions, NewEvent } from "./contract.ts";

const MAX_NAME = 512;
const MAX_DATA = 256 * 1024;
const MAX_CALL = 8 * 1024 * 1024;
const MOST = Number.MAX_SAFE_INTEGER;

export const refuse = (what: string, mend: string): never => refuseInput("event", what, mend);
export const checkNumber = (value: unknown, what: string, least: number, most = MOST) =>
  checkInteger("event", value, what, least, most);

/** A name of anything, or `StoreError` code `invalid`. */
export function checkName(name: unknown, what: string): string {
  const text = checkText("event", name, what);
  if (text.length === 0 || text.length > MAX_NAME)
    refuse(`${what} has ${text.length} characters.`, `Use 1 to ${MAX_NAME}.`);
  return text;
}

/** An object whose names are all known: a misspelt one would go unnoticed. */
export function checkNames<T extends object>(given: T | undefined, what: string, known: readonly string[]): Partial<T> {
  if (given === undefined) return {};
  if (!isPlain(given)) return refuse(`${what}: that is no object.`, `Give one with ${known.join(", ")}.`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${what} has no "${show(unknown)}".`, `It has ${known.join(", ")}.`);
  return given;
}

/** The text of one event's data, or `StoreError` code `invalid`. */
export function checkData(data: unknown, what: string): string {
  checkJson("event", data, what);
  const json = JSON.stringify(data);
  // No character has more than three bytes of UTF-8 per unit: most texts need no counting.
  if (json.length * 3 > MAX_DATA && Buffer.byteLength(json) > MAX_DATA)
    refuse(`${what} has more than 256 KiB of JSON.`, "Keep large values in an artifact, and its name here.");
  return json;
}

export function checkEvents(events: unknown): Incoming[] {
  if (!Array.isArray(events) || events.length < 1 || events.length > 1_000)
    return refuse("append takes a list of 1 to 1,000 events.", "Append in several calls.");
  const ids = new Set<string>();
  let bytes = 0;
  const checked = Array.from(events, (one: NewEvent, at): Incoming => {
    const what = `Event ${at + 1}`;
    if (one === undefined) refuse(`${what} is missing.`, "Give { type, data }.");
    const { type, data, id } = checkNames(one, what, ["type", "data", "id"]);
    const json = checkData(data, `${what}: its data`);
    bytes += Buffer.byteLength(json);
    const name = id === undefined ? null : checkName(id, `${what}: its id`);
    if (name !== null && ids.has(name)) refuse(`Two events have the id "${show(name)}".`, "Give each its own.");
    if (name !== null) ids.add(name);
    return { type: checkName(type, `${what}: its type`), json, id: name };
  });
  if (bytes > MAX_CALL) refuse("The events of one call have more than 8 MiB of JSON.", "Append in several calls.");
  return checked;
}

export function checkExpected(given: { expectedVersion?: number } | undefined): number | undefined {
  const { expectedVersion } = checkNames(given, "append", ["expectedVersion"]);
  return expectedVersion === undefined ? undefined : checkNumber(expectedVersion, "expectedVersion", 0);
}

export function checkRead(given: EventReadOptions | undefined): Required<EventReadOptions> {
  const { after = 0, limit = 100, backwards = false } = checkNames(given, "read", ["after", "limit", "backwards"]);
  if (typeof backwards !== "boolean") refuse(`backwards is ${show(backwards)}.`, "Use true or false.");
  return { after: checkNumber(after, "after", 0), limit: checkNumber(limit, "limit", 1, 1_000), backwards };
}

function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  return refuse(`signal is ${show(signal)}.`, "Give that of an AbortController.");
}

export function checkFollow(given: EventFollowOptions | undefined) {
  const { after = 0, signal } = checkNames(given, "follow", ["after", "signal"]);
  return { after: checkNumber(after, "after", 0), signal: checkSignal(signal) };
}

export function checkPrefix(given: { prefix?: string } | undefined): string {
  const { prefix = "" } = checkNames(given, "streams", ["prefix"]);
  return prefix === "" ? "" : checkName(prefix, "The prefix");
}

export function checkSubscribe(given: EventSubscribeOptions) {
  if (given === undefined) return refuse("subscribe needs a group.", "Give { group }.");
  const known = ["group", "consumer", "from", "ackMs", "batch", "signal"];
  const { group, consumer, from = "start", ackMs = 30_000, batch = 10, signal } = checkNames(given, "subscribe", known);
  return {
    group: checkName(group, "The group"),
    consumer: consumer === undefined ? undefined : checkName(consumer, "The consumer"),
    from: from === "start" ? 0 : from === "now" ? from : checkNumber(from, "from", 0),
    ackMs: checkNumber(ackMs, "ackMs", 100, 86_400_000),
    batch: checkNumber(batch, "batch", 1, 100),
    signal: checkSignal(signal),
  };
}

export function checkHandler(handler: unknown): void {
  if (typeof handler !== "function") refuse("subscribe needs a function that handles events.", "Give one.");
}

/** `before` in microseconds since 1970. */
export function checkTrim(given: unknown): { keep: number } | { before: number } {
  const { keep, before } = checkNames(given as { keep?: number; before?: Date }, "trim", ["keep", "before"]);
  if ((keep === undefined) === (before === undefined)) refuse("trim takes either keep or before.", "Give one of them.");
  if (keep !== undefined) return { keep: checkNumber(keep, "keep", 0) };
  if (before instanceof Date && before.getTime() >= 0 && before.getTime() <= 8_000_000_000_000)
    return { before: before.getTime() * 1000 };
  return refuse("before is no date between 1970 and 2223.", "Give a Date.");
}

export function checkPurge(given: { olderThanMs: number }): number {
  const { olderThanMs } = checkNames(given, "purge", ["olderThanMs"]);
  return checkNumber(olderThanMs, "olderThanMs", 0, 1_000 * 365 * 86_400_000);
}
