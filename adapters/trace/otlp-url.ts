import { readUrl, timeoutIn, tlsIn } from "../clients/store-url.ts";
import { refuse } from "../input.ts";

/** The languages in which a store of spans is asked. */
export const APIS = ["jaeger", "tempo"] as const;

/** Where spans are sent, and where they can be read again. */
export interface OtlpPlace {
  /** `http://host:port` or `https://host:port`, with a path where the URL has one; OTLP's own is below it. */
  endpoint: string;
  /** Headers that log in. */
  headers: Record<string, string>;
  query?: { server: string; api: (typeof APIS)[number] };
  /** Milliseconds after which a call is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["tls", "timeout", "query", "api"];
const LIKE = "Write otlp://:<token>@host:4318?tls=false, with other signs percent-encoded.";

/**
 * What `otlp://host:4318?tls=false&query=http%3A%2F%2Fhost%3A16686&api=jaeger` says: OTLP over HTTP, and where and how what was sent is read. A login is `user:password@`, or `:token@` for a bearer's; both servers get it.
 * Throws `StoreError` code `invalid`, which never repeats the URL; unknown parameters are refused, since a misspelt one would go unnoticed.
 */
export function parseOtlpUrl(url: string): OtlpPlace {
  const { at, query, decoded } = readUrl("trace", url, /^otlp:$/, LIKE, QUERY);
  const scheme = tlsIn("trace", query) ? "https" : "http";
  return {
    endpoint: `${scheme}://${at.hostname}:${at.port || 4318}${at.pathname.replace(/\/+$/, "")}`,
    headers: loginOf(decoded(at.username), decoded(at.password)),
    query: queryIn(query),
    timeout: timeoutIn("trace", query),
  };
}

function loginOf(user: string, password: string): Record<string, string> {
  if (!user && !password) return {};
  const basic = () => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return { authorization: user ? basic() : `Bearer ${password}` };
}

function queryIn(query: URLSearchParams): OtlpPlace["query"] {
  const [server, api] = [query.get("query"), query.get("api")];
  if (server === null && api === null) return undefined;
  const at = URL.parse(server ?? "");
  if (!at || !/^https?:$/.test(at.protocol) || at.username || at.password || at.search)
    refuse(
      "trace",
      "?query= is no address of a server.",
      "Write e.g. ?query=http%3A%2F%2F127.0.0.1%3A16686&api=jaeger; the URL's own login goes there, too.",
    );
  const known = APIS.find((one) => one === api);
  if (!known) return refuse("trace", "?api= names no language that is known.", `Known are ${APIS.join(", ")}.`);
  return { server: at.href.replace(/\/+$/, ""), api: known };
}
