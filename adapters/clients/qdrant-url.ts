import { refuse } from "../input.ts";
import { readUrl, timeoutIn, tlsIn } from "./store-url.ts";

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
  const tls = tlsIn("qdrant", query);
  const timeout = timeoutIn("qdrant", query);
  const collection = decoded(at.pathname.slice(1));
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(collection))
    refuse("qdrant", "The URL's path is no name of a collection.", "Write qdrant://…@host:6333/agent_vectors");
  return {
    server: `${tls ? "https" : "http"}://${at.hostname}:${at.port || 6333}`,
    key: decoded(at.password || at.username),
    collection,
    timeout,
  };
}
