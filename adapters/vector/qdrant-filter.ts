import type { Condition, Filter } from "../clients/qdrant.ts";
import type { FilterNode } from "./filter.ts";
import { keyOf, presenceOf, tagOf } from "./qdrant-points.ts";

/** Holds for nothing. */
const NEVER: Condition = { has_id: [] };

/** The chunks of a tenant, all or those for which a filter holds and further conditions do. */
export const chunksOf = (tenant: string, node?: FilterNode | null, ...more: Condition[]): Filter => ({
  must: [is("tenant", tenant), ...more, ...(node ? [filterOf(node)] : [])],
});

export const is = (key: string, value: string): Condition => ({ key, match: { value } });
export const isAny = (key: string, any: string[]): Condition => (any.length > 0 ? { key, match: { any } } : NEVER);

/** Chunks that have a vector in this space. */
export const inSpace = (id: string): Condition => is("spaces", id);

/**
 * A filter with the meaning of `matches`. It asks for keywords that stand for entries of the metadata, since the server's own comparisons look into lists and know no equality of fractions; ranges ask
 * the numbers themselves.
 */
function filterOf(node: FilterNode): Condition {
  switch (node.op) {
    case "and":
      return { must: node.of.map(filterOf) };
    case "or":
      return node.of.length > 0 ? { should: node.of.map(filterOf) } : NEVER;
    case "not":
      return { must_not: node.of.map(filterOf) };
    case "eq":
      return is("tags", tagOf(node.key, node.value));
    case "in":
      return isAny("tags", [...new Set(node.values.map((value) => tagOf(node.key, value)))]);
    case "exists": {
      const there = is("tags", presenceOf(node.key));
      return node.value ? there : { must_not: [there] };
    }
    default:
      return { key: `numbers.${keyOf(node.key)}`, range: { [node.op]: node.value } };
  }
}
