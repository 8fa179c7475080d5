import { refuse } from "../input.ts";
import { readUrl } from "./store-url.ts";

/** Where a collection is, and with which key it is opened. */
export interface QdrantPlace {
  /** `http://host:port` or `https://host:port`. */
  server: string;
  /** Empty: the server asks for none. */
  key: string;
  collection: string;
  /** Milliseconds after which a call is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["tls", "timeout"];
const LIKE = "Write qdrant://:<API key>@host:6333/<collection>?tls=false, with other signs percent-encoded.";

/**
 * What `qdrant://:<API key>@host:6333/<collection>?tls=false` says; `?timeout=` is in milliseconds. Throws `StoreError` code `invalid`, which never repeats
 * the URL; unknown parameters are refused, since a misspelt one would go unnoticed.
 */
export function parseQdrantUrl(url: string): QdrantPlace {
  const { at, query, decoded } = readUrl("qdrant", url, /^qdrant:$/, LIKE, QUERY);
  const tls = query.get("tls") ?? "true";
  if (tls !== "true" && tls !== "false")
    refuse("qdrant", "?tls= is neither true nor false.", "Leave it out for true; a server on this machine has none.");
  const timeout = query.get("timeout") ?? "30000";
  if (!/^\d{3,7}$/.test(timeout) || Number(timeout) < 100)
    refuse("qdrant", "?timeout= is no number of milliseconds.", "Write e.g. ?timeout=30000");
  const collection = decoded(at.pathname.slice(1));
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(collection))
    refuse("qdrant", "The URL's path is no name of a collection.", "Write qdrant://…@host:6333/agent_vectors");
  return {
    server: `${tls === "true" ? "https" : "http"}://${at.hostname}:${at.port || 6333}`,
    key: decoded(at.password || at.username),
    collection,
    timeout: Number(timeout),
  };
}
