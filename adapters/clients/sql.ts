/** What a statement may carry: bytes are sent in PostgreSQL's binary format, everything else as text. */
export type Value = string | number | boolean | null | Uint8Array;
export type Row = Record<string, unknown>;

export interface Statement {
  /** One statement with `$1…` when `values` is given (an empty list too), and then kept prepared; else a script of any length. */
  text: string;
  values?: readonly Value[];
}

/** Statements that take effect together or not at all. */
export interface Work {
  /** Whose rows the statements see and write; null for acts across tenants by an account that bypasses policies. */
  tenant: string | null;
  statements: readonly Statement[];
  /** Server settings for this transaction alone, e.g. `{ "hnsw.ef_search": "100" }`. */
  settings?: Readonly<Record<string, string>>;
  /** Doing it twice is the same as doing it once, so it may be sent again when the connection broke. @default false */
  repeatable?: boolean;
  /** Milliseconds the server may take for one statement, 0 = no limit. @default the client's own */
  timeout?: number;
}

/** A pool of connections, or an embedded engine, that runs transactions. Connects on first use. */
export interface SqlClient {
  readonly protocol: "postgres" | "pglite";
  /** Rows of each statement, in order. Throws `StoreError`. */
  run(work: Work): Promise<Row[][]>;
  /** The oid of type `vector` in this database; `fresh` reads it anew (a restore changes it). */
  vectorOid(fresh?: boolean): Promise<number>;
  /**
   * Hears the notifications of a channel; resolves when it does, to what ends that. What is sent while the connection is lost is missed: `receive` is called
   * without a payload when it listens again. Missing where one process has the whole database, and nobody else could notify it.
   */
  listen?(channel: string, receive: (payload: string | undefined) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** SQL error codes (SQLSTATE) of a thrown client error, if it has one. */
export function sqlState(error: unknown): string | undefined {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    const code = (e as { code?: unknown }).code;
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return code;
  }
  return undefined;
}

/** Begins a transaction and binds it to its tenant and settings, as one message. `before` comes first in it. */
export function begin(work: Work, timeout: number, before = ""): Statement {
  const settings = { "app.tenant": work.tenant ?? "", statement_timeout: String(timeout), ...work.settings };
  const set = Object.entries(settings).map(([key, value]) => `set local ${key} = '${value.replaceAll("'", "''")}'`);
  return { text: `begin; ${before}${set.join("; ")}` };
}

const asNumber = (text: string) => Number(text);
const decoders: Record<number, (text: string) => unknown> = {
  16: (text) => text === "t",
  20: asNumber,
  21: asNumber,
  23: asNumber,
  26: asNumber,
  700: asNumber,
  701: asNumber,
  114: JSON.parse,
  3802: JSON.parse,
};

const asIs = (text: string) => text;

/** How a column of this type is read; the same for every client. */
export function decoder(oid: number): (text: string) => unknown {
  return decoders[oid] ?? asIs;
}
