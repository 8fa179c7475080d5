import type { Names } from "./chroma-records.ts";
import { ordered } from "./chroma-records.ts";
import type { FilterNode } from "./filter.ts";

/** A condition in the server's words. */
export type Where = { readonly [key: string]: unknown };

/** Parts of one condition: the server nests them, and refuses more than a thousand levels. */
const PARTS = 40;
/** Of more comparisons than this the server takes longer than it takes to look at every chunk here. */
const MOST = 1_200;

const inverse = { gt: "lte", gte: "lt", lt: "gte", lte: "gt" } as const;

/** A filter with the meaning of `matches`, for chunks that have tags. */
export interface Translated {
  /** True or false where it does not depend on the chunk; undefined: it is too long. */
  where: Where | boolean | undefined;
  /** It compares numbers by their places, which crowded chunks lack. */
  ranges: boolean;
}

/** What is not is said of the comparisons alone, since the server negates nothing else. */
export function translated({ tag, place }: Names, node: FilterNode): Translated {
  let comparisons = 0;
  let ranges = false;

  const has = (of: string, is: boolean): Where => {
    comparisons++;
    return { tags: { [is ? "$contains" : "$not_contains"]: of } };
  };
  const of = (one: FilterNode, is: boolean): Where | boolean => {
    switch (one.op) {
      case "and":
      case "or":
        return (one.op === "and") === is
          ? every(one.of.map((part) => of(part, is)))
          : any(one.of.map((part) => of(part, is)));
      case "not":
        return is ? every(one.of.map((part) => of(part, false))) : any(one.of.map((part) => of(part, true)));
      case "eq":
        return has(tag.value(one.key, one.value), is);
      case "in": {
        const values = [...new Set(one.values)].map((value) => has(tag.value(one.key, value), is));
        return is ? any(values) : every(values);
      }
      case "exists": {
        const there = one.value === is;
        const kinds = [has(tag.number(one.key), there), has(tag.other(one.key), there)];
        return there ? any(kinds) : every(kinds);
      }
      default: {
        ranges = true;
        const compared = { [place(one.key)]: { [`$${is ? one.op : inverse[one.op]}`]: ordered(one.value) } };
        comparisons++;
        const number = has(tag.number(one.key), is);
        return is ? every([number, compared]) : any([number, compared]);
      }
    }
  };
  const where = of(node, true);
  return { where: comparisons > MOST ? undefined : where, ranges };
}

export const any = (parts: readonly (Where | boolean)[]): Where | boolean => joined("$or", parts, true);
const every = (parts: readonly (Where | boolean)[]): Where | boolean => joined("$and", parts, false);

/** @param decisive the value of a part that decides the whole */
function joined(op: "$or" | "$and", parts: readonly (Where | boolean)[], decisive: boolean): Where | boolean {
  if (parts.includes(decisive)) return decisive;
  const open = parts.filter((part) => typeof part !== "boolean");
  const [only] = open;
  return only === undefined ? !decisive : open.length === 1 ? only : grouped(op, open);
}

/** As few levels as there can be. */
function grouped(op: "$or" | "$and", parts: readonly Where[]): Where {
  if (parts.length <= PARTS) return { [op]: parts };
  const groups: Where[] = [];
  for (let n = 0; n < parts.length; n += PARTS) {
    const some = parts.slice(n, n + PARTS);
    groups.push(some.length === 1 ? (some[0] as Where) : { [op]: some });
  }
  return grouped(op, groups);
}

export const tagged = (tag: string): Where => ({ tags: { $contains: tag } });
