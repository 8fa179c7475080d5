import { readFileSync } from "node:fs";
import type { RedisOptions } from "ioredis";
import { StoreError } from "../errors.ts";
import { refuse } from "../input.ts";
import { readUrl } from "./store-url.ts";

/** What a URL says, with defaults. */
export interface RedisSettings {
  options: RedisOptions;
  /** Milliseconds to open a connection, and how long a server that restarts is waited for. */
  connectTimeout: number;
  /** Milliseconds that a server may say nothing while answers are due. */
  commandTimeout: number;
  /** The server says that it writes every change to disk before it answers. */
  durable: boolean;
}

const LIKE = "Write redis://user:password@host:6379/0, with other signs percent-encoded.";
const QUERY = ["connect_timeout", "command_timeout", "durable", "sslrootcert"];

/**
 * Reads `redis://user:password@host:port/database`; `rediss:` is TLS, with `?sslrootcert=` as the file of the authority to trust. Throws `StoreError`
 * code `invalid`, which never repeats the URL. `?connect_timeout=` (seconds, 5), `?command_timeout=` (milliseconds, 5000), `?durable=true`;
 * others are refused, since a misspelt one would go unnoticed.
 */
export function parseRedisUrl(url: string): RedisSettings {
  const { at, query, decoded } = readUrl("redis", url, /^rediss?:$/, LIKE, QUERY);
  const connectTimeout = positive(query, "connect_timeout", 5) * 1000;
  const commandTimeout = positive(query, "command_timeout", 5_000);
  const db = at.pathname.slice(1);
  if (!/^\d{0,5}$/.test(db)) refuse("redis", "The URL's path is no number of a database.", "Write redis://…/0");
  if (at.protocol === "redis:" && query.has("sslrootcert"))
    refuse("redis", "?sslrootcert= needs TLS, and the URL has none.", "Write rediss://…");
  return {
    connectTimeout,
    commandTimeout,
    durable: isTrue(query, "durable"),
    options: {
      host: decoded(at.hostname).replace(/^\[|\]$/g, ""),
      port: Number(at.port || 6379),
      username: decoded(at.username) || undefined,
      password: decoded(at.password) || undefined,
      db: Number(db),
      ...(at.protocol === "rediss:" && { tls: authority(query.get("sslrootcert")) }),
    },
  };
}

function authority(file: string | null): { ca?: string } {
  if (!file) return {};
  try {
    return { ca: readFileSync(file, "utf8") };
  } catch (cause) {
    const what = "The file that ?sslrootcert= names cannot be read.";
    throw new StoreError("invalid", "redis", what, "Name the certificate of the authority to trust.", cause);
  }
}

function isTrue(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? "false";
  if (text === "true" || text === "false") return text === "true";
  return refuse("redis", `?${name}= is neither true nor false.`, "Leave it out for false.");
}

function positive(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text);
  return refuse("redis", `?${name}= is no whole number above 0.`, `Leave it out for ${otherwise}.`);
}
