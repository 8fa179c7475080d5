import { refuse } from "../input.ts";
import { readUrl, timeoutIn, tlsIn } from "./store-url.ts";

/** Where a server's tenant is, and what a proxy before it wants to see. */
export interface ChromaPlace {
  /** `http://host:port` or `https://host:port`. */
  server: string;
  /** Sent as a bearer token; the server itself looks at none. Empty: none is sent. */
  token: string;
  /** The server's own tenant, which has a database for each of ours. */
  area: string;
  /** Milliseconds after which a call is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["tls", "timeout"];
const LIKE = "Write chroma://host:8000/<tenant of the server>?tls=false, with other signs percent-encoded.";

/**
 * What `chroma://host:8000/<tenant of the server>?tls=false` says; `?timeout=` is in milliseconds, and `chroma://:<token>@host` sends a token to a proxy. Throws `StoreError` code `invalid`, which never
 * repeats the URL; unknown parameters are refused, since a misspelt one would go unnoticed.
 */
export function parseChromaUrl(url: string): ChromaPlace {
  const { at, query, decoded } = readUrl("chroma", url, /^chroma:$/, LIKE, QUERY);
  const tls = tlsIn("chroma", query);
  const timeout = timeoutIn("chroma", query);
  const area = decoded(at.pathname.slice(1));
  if (!/^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/.test(area))
    refuse("chroma", "The URL's path is no name of a tenant of the server.", "Write chroma://host:8000/agent_vectors");
  return {
    server: `${tls ? "https" : "http"}://${at.hostname}:${at.port || 8000}`,
    token: decoded(at.password || at.username),
    area,
    timeout,
  };
}
