import { randomUUID } from "node:crypto";
import { checkInteger, checkJson, checkText, isPlain, refuse as refuseInput, show } from "../input.ts";
import type { CheckedChange, CheckedClaim, CheckedList, CheckedRun } from "./backend.ts";
import type {
  ClaimOptions,
  FailOptions,
  ListOptions,
  NewRun,
  RunChange,
  RunCondition,
  RunStatus,
  WorkOptions,
} from "./contract.ts";

const MAX_NAME = 512;
const MiB = 1024 * 1024;
const MAX_ERROR = 65_536;
const MOST = Number.MAX_SAFE_INTEGER;
/** The last millisecond of 2254: a number holds microseconds until the year after. */
const MAX_MOMENT = 8_993_721_599_999;
const MAX_RETRY = 31_557_600_000;
export const STATUSES: readonly RunStatus[] = ["queued", "running", "succeeded", "failed", "cancelled"];

export const refuse = (what: string, mend: string): never => refuseInput("run", what, mend);
export const checkNumber = (value: unknown, what: string, least: number, most: number) =>
  checkInteger("run", value, what, least, most);

/** A name of anything, or `StoreError` code `invalid`. */
export function checkName(name: unknown, what: string): string {
  const text = checkText("run", name, what);
  if (text.length === 0 || text.length > MAX_NAME)
    refuse(`${what} has ${text.length} characters.`, `Use 1 to ${MAX_NAME}.`);
  return text;
}

/** A value's JSON text, or `StoreError` code `invalid`. */
export function checkValue(value: unknown, what: string): string {
  checkJson("run", value, what);
  const json = JSON.stringify(value);
  // No character has more than three bytes of UTF-8 per unit: most texts need no counting.
  if (json.length * 3 > MiB && Buffer.byteLength(json) > MiB)
    refuse(`${what} has more than 1 MiB of JSON.`, "Keep large values in an artifact, and its name here.");
  return json;
}

/** Options as they were given, of which all are known. */
function checkOptions<T extends object>(given: T | undefined, what: string, known: readonly string[]): Partial<T> {
  if (given === undefined) return {};
  if (!isPlain(given)) return refuse(`What ${what} is given is no object.`, "Give { name: value }.");
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${what} has no option "${show(unknown)}".`, `It has ${known.join(", ")}.`);
  return given;
}

export const checkToken = (token: unknown): number => checkNumber(token, "The token", 1, MOST);
export const checkLeaseMs = (leaseMs: unknown): number => checkNumber(leaseMs, "leaseMs", 100, 86_400_000);
const checkPriority = (priority: unknown) => checkNumber(priority, "priority", -1_000_000, 1_000_000);
const checkAttempts = (attempts: unknown) => checkNumber(attempts, "maxAttempts", 1, 1_000);

/** Milliseconds since 1970. */
function checkMoment(moment: unknown, what: string): number {
  const time = moment instanceof Date ? moment.getTime() : Number.NaN;
  if (time >= 0 && time <= MAX_MOMENT) return time;
  return refuse(`${what} is no Date from 1970 to 2254.`, "Give a Date.");
}

export function checkError(error: unknown): string {
  const text = checkText("run", error, "The error");
  if (text.length > MAX_ERROR) refuse(`The error has ${text.length} characters.`, `Use ${MAX_ERROR} at most.`);
  return text;
}

export function checkStatus(status: unknown): RunStatus {
  const known = STATUSES.find((one) => one === status);
  return known ?? refuse(`The status is ${show(status)}.`, `Use one of: ${STATUSES.join(", ")}.`);
}

const optional = <T>(value: unknown, checked: (value: unknown) => T): T | undefined =>
  value === undefined ? undefined : checked(value);

export function checkRun(given: NewRun): CheckedRun {
  if (given === undefined) refuse("There is no run.", "Give { kind }.");
  const names = ["id", "kind", "state", "priority", "notBefore", "maxAttempts", "parent"];
  const {
    id,
    kind,
    state = null,
    priority = 0,
    notBefore,
    maxAttempts = 3,
    parent,
  } = checkOptions(given, "create", names);
  return {
    id: id === undefined ? randomUUID() : checkName(id, "The id"),
    kind: checkName(kind, "The kind"),
    state: checkValue(state, "The state"),
    priority: checkPriority(priority),
    notBefore: optional(notBefore, (moment) => checkMoment(moment, "notBefore")) ?? null,
    maxAttempts: checkAttempts(maxAttempts),
    parent: optional(parent, (name) => checkName(name, "The parent")) ?? null,
  };
}

export function checkRuns(given: readonly NewRun[]): CheckedRun[] {
  if (!Array.isArray(given) || given.length > 1_000)
    return refuse("createMany takes a list of at most 1,000 runs.", "Create them in several calls.");
  const runs = given.map(checkRun);
  if (runs.reduce((sum, { state }) => sum + Buffer.byteLength(state), 0) > 16 * MiB)
    refuse("The runs of one call have more than 16 MiB of JSON.", "Create them in several calls.");
  return runs;
}

export function checkChange(given: RunChange): CheckedChange {
  if (given === undefined) refuse("There is no change.", "Give { name: value }.");
  const names = ["state", "status", "result", "error", "priority", "notBefore", "maxAttempts"];
  const change = checkOptions(given, "update", names);
  const { state, status, result, error, priority, notBefore, maxAttempts } = change;
  const checked: CheckedChange = {
    state: optional(state, (value) => checkValue(value, "The state")),
    status: optional(status, checkStatus),
    result: optional(result, checkResult),
    error: optional(error, (text) => (text === null ? null : checkError(text))),
    priority: optional(priority, checkPriority),
    notBefore: optional(notBefore, (moment) => checkMoment(moment, "notBefore")),
    maxAttempts: optional(maxAttempts, checkAttempts),
  };
  if (Object.values(checked).every((value) => value === undefined))
    refuse("The change is empty.", `Name what changes: ${names.join(", ")}.`);
  return checked;
}

/** JSON; none for null. */
export function checkResult(value: unknown): string | null {
  const json = checkValue(value, "The result");
  return json === "null" ? null : json;
}

export function checkCondition(given: RunCondition): { expectedVersion: number } | { lease: number } {
  const all = given as { expectedVersion?: number; lease?: number } | undefined;
  const { expectedVersion, lease } = checkOptions(all, "update's condition", ["expectedVersion", "lease"]);
  if ((expectedVersion === undefined) === (lease === undefined))
    return refuse("update needs one condition.", "Give { expectedVersion } or { lease }.");
  if (expectedVersion === undefined) return { lease: checkToken(lease) };
  return { expectedVersion: checkNumber(expectedVersion, "expectedVersion", 1, MOST) };
}

export function checkClaim(given: ClaimOptions): CheckedClaim {
  const {
    kinds,
    worker,
    leaseMs = 30_000,
    limit = 1,
  } = checkOptions(given, "claim", ["kinds", "worker", "leaseMs", "limit"]);
  return {
    kinds: optional(kinds, checkKinds) ?? null,
    worker: checkName(worker, "The worker"),
    leaseMs: checkLeaseMs(leaseMs),
    limit: checkNumber(limit, "limit", 1, 100),
  };
}

function checkKinds(kinds: unknown): readonly string[] {
  if (!Array.isArray(kinds) || kinds.length < 1 || kinds.length > 20)
    return refuse("kinds is no list of 1 to 20.", "Name the kinds, or leave it out for all.");
  return [...new Set(kinds.map((kind) => checkName(kind, "A kind")))];
}

export function checkFail(given: FailOptions | undefined): { delayMs: number | null; retry: boolean } {
  const { retryAfterMs, retry = true } = checkOptions(given, "fail", ["retryAfterMs", "retry"]);
  if (typeof retry !== "boolean") refuse(`retry is ${show(retry)}.`, "Use true or false.");
  return { delayMs: optional(retryAfterMs, (ms) => checkNumber(ms, "retryAfterMs", 0, MAX_RETRY)) ?? null, retry };
}

export function checkWork(given: WorkOptions) {
  const names = ["kinds", "worker", "leaseMs", "concurrency", "pollMs", "signal"];
  const { concurrency = 1, pollMs = 1_000, signal, ...claim } = checkOptions(given, "work", names);
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse("signal is no AbortSignal.", "Give one.");
  const { limit: _, ...checked } = checkClaim(claim as ClaimOptions);
  return {
    ...checked,
    concurrency: checkNumber(concurrency, "concurrency", 1, 100),
    pollMs: checkNumber(pollMs, "pollMs", 10, 60_000),
    signal,
  };
}

export function checkHandler(handler: unknown): void {
  if (typeof handler !== "function") refuse("work needs a function that does the work.", "Give one.");
}

export function checkList(given: ListOptions | undefined): CheckedList {
  const {
    status,
    kind,
    parent,
    limit = 100,
    after,
  } = checkOptions(given, "list", ["status", "kind", "parent", "limit", "after"]);
  return {
    status: optional(status, checkStatus),
    kind: optional(kind, (name) => checkName(name, "The kind")),
    parent: optional(parent, (name) => checkName(name, "The parent")),
    limit: checkNumber(limit, "limit", 1, 1_000),
    after: optional(after, checkCursor) ?? null,
  };
}

/** The place after a run: its moment and its id. */
export const cursorOf = ({ createdAt, id }: { createdAt: number; id: string }): string => `${createdAt}.${id}`;

function checkCursor(cursor: unknown): { createdAt: number; id: string } {
  const [, createdAt, id] = (typeof cursor === "string" && /^(\d{1,16})\.(.+)$/su.exec(cursor)) || [];
  if (id === undefined || Number(createdAt) > MOST)
    return refuse("after is no place in a list.", "Give the next of a page.");
  return { createdAt: Number(createdAt), id: checkName(id, "The id in after") };
}
