import { StoreError } from "./errors.ts";

/** A value that a filter can compare. Strings, finite numbers and booleans; types never equal each other (1 is not "1"). */
export type Scalar = string | number | boolean;
/** What JSON can say; kept and returned as given (-0 becomes 0). */
export type Json = Scalar | null | readonly Json[] | { readonly [key: string]: Json };
/** Filters see top-level scalars; arrays, objects and null are kept and returned as they are. */
export type Metadata = { readonly [key: string]: Json };

/** Levels of arrays and objects within each other. */
export const MAX_NESTING = 64;

/** Refuses the caller's input, before anything is written: `StoreError` code `invalid`. */
export function refuse(store: string, what: string, mend: string): never {
  throw new StoreError("invalid", store, what, mend);
}

/** A value in a message. Objects by their kind alone: what they turn into may be long, or an error of its own. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  const text = String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

export const isTenant = (tenant: unknown): tenant is string =>
  typeof tenant === "string" && /^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant);

/** A tenant id, or `StoreError` code `invalid`. */
export function checkTenant(tenant: unknown): string {
  if (isTenant(tenant)) return tenant;
  return refuse(
    "tenant",
    `"${show(tenant)}" is not a tenant id.`,
    "Use 1 to 63 of a-z, 0-9 and -, not starting with -.",
  );
}

/** A run's id, or `StoreError` code `invalid`. */
export function checkRunId(store: string, run: unknown): string {
  if (typeof run === "string" && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(run)) return run;
  return refuse(
    store,
    `${JSON.stringify(String(run).slice(0, 150))} is not a run's id.`,
    "Use 1 to 128 of A-Z a-z 0-9 _ . - beginning with a letter or digit.",
  );
}

/** Text that every product can keep: no NUL, no lone surrogates. Returns it, or throws `StoreError` code `invalid`. */
export function checkText(store: string, value: unknown, what: string): string {
  if (typeof value !== "string") return refuse(store, `${what} is not a string.`, "Give it a string.");
  if (value.includes("\0")) refuse(store, `${what} contains a NUL character.`, "Remove it.");
  if (!value.isWellFormed())
    refuse(store, `${what} is not well-formed Unicode (a lone surrogate).`, "Apply String.prototype.toWellFormed().");
  return value;
}

/** A whole number within bounds, or `StoreError` code `invalid`. */
export function checkInteger(store: string, value: unknown, what: string, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value + 0;
  return refuse(store, `${what} is ${show(value)}.`, `Use a whole number from ${least} to ${most}.`);
}

/** Milliseconds since something ended, or `StoreError` code `invalid`. */
export const checkAge = (store: string, olderThanMs: unknown): number =>
  checkInteger(store, olderThanMs, "olderThanMs", 0, Number.MAX_SAFE_INTEGER);

/** Whether JSON would ask the value itself what to write: its own or an inherited `toJSON`. */
export const rewritesItself = (value: object): boolean => typeof (value as { toJSON?: unknown }).toJSON === "function";

/** Whether a value is an object literal, not an array, Date, Map or class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Plain values only, in strings that every product can keep: what is read back is what was given. Throws `StoreError` code `invalid`; `about` names the
 * value, as in `Chunk "a": its metadata`.
 */
export function checkJson(store: string, value: unknown, about: string, depth = 0): void {
  if (depth > MAX_NESTING) refuse(store, `${about} is nested over ${MAX_NESTING} levels.`, "Flatten it.");
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    checkText(store, value, `${about}: a string in it`);
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(store, `${about} has ${value} in it.`, "Use finite numbers, or null.");
  } else if (typeof value === "object" && rewritesItself(value)) {
    refuse(store, `${about} has a toJSON function in it.`, "Call it, and give what it returns.");
  } else if (Array.isArray(value)) {
    for (const one of value) checkJson(store, one, about, depth + 1);
  } else if (isPlain(value)) {
    for (const [key, one] of Object.entries(value)) {
      checkText(store, key, `${about}: a key in it`);
      checkJson(store, one, about, depth + 1);
    }
  } else {
    refuse(
      store,
      `${about} has a ${typeof value === "object" ? "class instance" : typeof value} in it.`,
      "Use strings, finite numbers, booleans, null, arrays and plain objects.",
    );
  }
}
