import type { Row } from "../clients/sql.ts";
import type { Figure, FigureTable } from "./contract.ts";

/** What the rows of one query of sql/queries/ say. */
export interface Seen {
  figure: Figure;
  table?: FigureTable;
}

/** A column of a row; 0 and empty where there is none. */
export const number = (row: Row | undefined, column: string) => Number(row?.[column] ?? 0);
export const text = (row: Row | undefined, column: string) => String(row?.[column] ?? "");
