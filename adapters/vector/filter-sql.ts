import type { Value } from "../clients/sql.ts";
import type { FilterNode } from "./filter.ts";

const operators = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

/**
 * A filter as a boolean SQL expression over a jsonb column, with the meaning of `matches`: never null, so that `not` is the opposite. Values become
 * parameters, appended to `values`, so one shape of filter is one statement.
 */
export function filterSql(node: FilterNode, column: string, values: Value[]): string {
  const parameter = (value: Value, type: string) => `$${values.push(value)}::${type}`;
  const json = (value: unknown) => parameter(JSON.stringify(value), "jsonb");

  function sql(one: FilterNode): string {
    switch (one.op) {
      case "and":
        return one.of.length ? `(${one.of.map(sql).join(" and ")})` : "true";
      case "or":
        return one.of.length ? `(${one.of.map(sql).join(" or ")})` : "false";
      case "not":
        return one.of.length ? `not (${one.of.map(sql).join(" or ")})` : "true";
    }
    const field = `${column} -> ${parameter(one.key, "text")}`;
    switch (one.op) {
      case "eq":
        return `coalesce((${field}) = ${json(one.value)}, false)`;
      case "in":
        return `coalesce((${field}) = any (array(select jsonb_array_elements(${json(one.values)}))), false)`;
      case "exists": {
        const there = `coalesce(jsonb_typeof(${field}) <> 'null', false)`;
        return one.value ? there : `not ${there}`;
      }
      default:
        // jsonb orders values of different types too, by type: the guard keeps ranges to numbers.
        return `coalesce(jsonb_typeof(${field}) = 'number' and (${field}) ${operators[one.op]} ${json(one.value)}, false)`;
    }
  }
  return sql(node);
}
