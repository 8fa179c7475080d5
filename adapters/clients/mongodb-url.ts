import { refuse } from "../input.ts";
import { readUrl, timeoutIn, tlsIn } from "./store-url.ts";

/** Where a database is, and who opens it. */
export interface MongoPlace {
  /** What the client is given: scheme, host and port, without credentials. */
  server: string;
  /** Empty: the server asks for none. */
  username: string;
  password: string;
  /** The database that knows the account. @default admin, or `?authSource=` */
  authSource: string;
  database: string;
  /** @default false for `mongodb:`, true for `mongodb+srv:`, or `?tls=` */
  tls: boolean;
  /** Milliseconds after which a call is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["authSource", "tls", "timeout"];
const LIKE = "Write mongodb://user:password@host:27017/<database>, with other signs percent-encoded.";

/**
 * What `mongodb://user:password@host:27017/<database>` says, or `mongodb+srv:` for a cluster that DNS describes; `?timeout=` is in milliseconds. Throws `StoreError` code
 * `invalid`, which never repeats the URL; unknown parameters are refused, since a misspelt one would go unnoticed.
 */
export function parseMongoUrl(url: string): MongoPlace {
  const { at, query, decoded } = readUrl("mongodb", url, /^mongodb(\+srv)?:$/, LIKE, QUERY);
  const cluster = at.protocol === "mongodb+srv:";
  if (at.hostname.includes(","))
    refuse("mongodb", "The URL names several servers.", "Name one, or the cluster: mongodb+srv://…");
  const tls = tlsIn("mongodb", query, cluster, "Leave it out for a server on this machine, which has none.");
  const timeout = timeoutIn("mongodb", query);
  const name = (text: string, what: string) =>
    /^[A-Za-z0-9_-]{1,63}$/.test(text) ? text : refuse("mongodb", `${what} is no name of a database.`, LIKE);
  return {
    server: cluster ? `${at.protocol}//${at.hostname}` : `${at.protocol}//${at.hostname}:${at.port || 27017}`,
    username: decoded(at.username),
    password: decoded(at.password),
    authSource: name(query.get("authSource") ?? "admin", "?authSource="),
    database: name(decoded(at.pathname.slice(1)), "The URL's path"),
    tls,
    timeout,
  };
}
