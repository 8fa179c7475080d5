import { checkText as checkInput, isPlain, type Metadata, refuse as refuseInput, type Scalar } from "../input.ts";

/** Conditions on one metadata key; all that are given must hold. A bare scalar is `{ eq: scalar }`. */
export interface Condition {
  eq?: Scalar;
  /** Equal to any of these, at most 1,000; an empty list matches nothing. */
  in?: readonly Scalar[];
  /** Ranges compare numbers only; a value of another type is out of every range. Keep dates as numbers. */
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
  /** Whether the key is there with a value other than null. */
  exists?: boolean;
}

/**
 * A condition over metadata, with one meaning on every product: `{ kind: "policy", year: { gte: 2024 } }`; all entries must hold, so `{}`
 * holds for every chunk. `and`, `or` and `not` followed by a list of filters are operators: all, any and none of the list holds. Followed by
 * anything else they are metadata keys like any other. A missing key satisfies no comparison, so `{ not: [{ kind: "policy" }] }` holds for a
 * chunk without `kind`. At most 16 levels and 256 conditions.
 */
export type Filter = { readonly [key: string]: Scalar | Condition | readonly Filter[] };

type Comparison = "gt" | "gte" | "lt" | "lte";

/** A filter that was checked, in the one form that stores evaluate or translate. `not` is true when none of its parts is. */
export type FilterNode =
  | { op: "and" | "or" | "not"; of: FilterNode[] }
  | { op: "eq"; key: string; value: Scalar }
  | { op: "in"; key: string; values: Scalar[] }
  | { op: Comparison; key: string; value: number }
  | { op: "exists"; key: string; value: boolean };

const MAX_DEPTH = 16;
const MAX_CONDITIONS = 256;
const MAX_IN = 1_000;
const comparisons = new Set(["gt", "gte", "lt", "lte"]);

/** Checks a filter of a role. Throws `StoreError` code `invalid`, naming the role and the key that is wrong. */
export function parseFilter(filter: Filter, role = "vector"): FilterNode {
  let conditions = 0;

  function refuse(what: string, mend: string): never {
    return refuseInput(role, what, mend);
  }

  function all(value: unknown, depth: number): FilterNode {
    if (!isPlain(value)) refuse("A filter must be an object.", 'Write it as { key: "value" }.');
    if (depth > MAX_DEPTH) refuse(`A filter may be ${MAX_DEPTH} levels deep.`, "Flatten it.");
    const of = Object.entries(value).flatMap(([key, given]) => {
      if (Array.isArray(given)) return [combined(key, given, depth)];
      return isPlain(given) ? condition(key, given) : [leaf(key, "eq", given)];
    });
    return of.length === 1 ? (of[0] as FilterNode) : { op: "and", of };
  }

  function combined(key: string, list: unknown[], depth: number): FilterNode {
    if (key !== "and" && key !== "or" && key !== "not") {
      refuse(`Filter key "${key}" has a list.`, `Write { "${key}": { in: [...] } }.`);
    }
    return { op: key, of: list.map((one) => all(one, depth + 1)) };
  }

  function condition(key: string, given: Record<string, unknown>): FilterNode[] {
    const entries = Object.entries(given);
    if (entries.length === 0)
      refuse(`Filter key "${key}" has no condition.`, "Give it eq, in, gt, gte, lt, lte or exists.");
    return entries.map(([op, value]) => leaf(key, op, value));
  }

  function leaf(key: string, op: string, value: unknown): FilterNode {
    if (++conditions > MAX_CONDITIONS)
      refuse(`A filter may have ${MAX_CONDITIONS} conditions.`, "Use { in: [...] } for alternatives.");
    checkInput(role, key, "A filter key");
    if (op === "eq") return { op, key, value: scalar(key, value) };
    if (op === "in" && Array.isArray(value)) {
      if (value.length > MAX_IN) refuse(`Filter key "${key}" lists more than ${MAX_IN} values.`, "Split the query.");
      return { op, key, values: value.map((one) => scalar(key, one)) };
    }
    if (comparisons.has(op)) {
      if (typeof value !== "number" || !Number.isFinite(value)) {
        refuse(`Filter "${key}.${op}" is not a finite number.`, "Ranges compare numbers; keep dates as numbers.");
      }
      return { op: op as Comparison, key, value: value + 0 };
    }
    if (op === "exists" && typeof value === "boolean") return { op, key, value };
    return refuse(`Filter "${key}" has an unknown condition "${op}".`, "Use eq, in, gt, gte, lt, lte or exists.");
  }

  function scalar(key: string, value: unknown): Scalar {
    if (typeof value === "string") return checkInput(role, value, `The value of filter "${key}"`);
    if (typeof value === "number" && Number.isFinite(value)) return value + 0; // -0 is 0
    if (typeof value === "boolean") return value;
    return refuse(
      `Filter "${key}" compares with something that is no string, finite number or boolean.`,
      "Use { exists: false } for a missing key.",
    );
  }

  return all(filter, 1);
}

/** Whether a filter holds for metadata: the meaning that every store's translation must have. */
export function matches(node: FilterNode, metadata: Metadata): boolean {
  switch (node.op) {
    case "and":
      return node.of.every((one) => matches(one, metadata));
    case "or":
      return node.of.some((one) => matches(one, metadata));
    case "not":
      return !node.of.some((one) => matches(one, metadata));
  }
  const value = Object.hasOwn(metadata, node.key) ? metadata[node.key] : undefined;
  switch (node.op) {
    case "eq":
      return value === node.value;
    case "in":
      return node.values.includes(value as Scalar);
    case "exists":
      return (value !== undefined && value !== null) === node.value;
    case "gt":
      return typeof value === "number" && value > node.value;
    case "gte":
      return typeof value === "number" && value >= node.value;
    case "lt":
      return typeof value === "number" && value < node.value;
    case "lte":
      return typeof value === "number" && value <= node.value;
  }
}
