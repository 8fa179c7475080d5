/** One figure of a product, for operators. */
export interface Figure {
  /** Unique for the product, e.g. `connections`. */
  name: string;
  /** As a program wants it; null when it is not known. */
  value: number | string | null;
  /** Of `value`: `bytes`, `ms`, `s`, `share` (1 = all), `per second`; absent for plain counts and words. */
  unit?: string;
  /** The value as people write it, e.g. `7 of 100`. */
  text: string;
  /** What belongs beside it, e.g. `5 idle · 1 active`. */
  note?: string;
  /** Set when the value wants somebody to act: what is wrong, and what to do. */
  warn?: string;
  /** Worth a line only when it warns, or when everything is asked for. */
  minor?: true;
}

/** A longer list behind the figures, e.g. every table with its size. Cells are as people write them. */
export interface FigureTable {
  name: string;
  heading: readonly string[];
  rows: readonly (readonly string[])[];
}

export interface Figures {
  figures: Figure[];
  tables: FigureTable[];
}

/** How to reach one product: an account that may do everything, and one that works across tenants. */
export interface FigureUrls {
  admin: string;
  fleet: string;
}

/**
 * The default export of every file that is named after a protocol. Reads and never writes. Gives up by itself: when `signal` aborts, at a limit of how much
 * it looks at, saying so in the text, or with a `StoreError` when the product does not answer.
 */
export type ReadFigures = (urls: FigureUrls, signal: AbortSignal) => Promise<Figures>;
