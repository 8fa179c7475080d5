import { readFileSync } from "node:fs";
import type { ClientConfig } from "pg";
import { StoreError } from "../errors.ts";
import { decoder } from "./sql.ts";

export interface PostgresOptions {
  /** Milliseconds for one statement. @default 30000, or `?statement_timeout=` of the URL */
  statementTimeout?: number;
  /** Milliseconds to open a connection, and how long a server that restarts is waited for. @default 5000, or `?connect_timeout=` (seconds), or PGCONNECT_TIMEOUT */
  connectTimeout?: number;
  /** Connections at most. @default 5, or `?pool=` */
  pool?: number;
}

/** What a URL and options say, with defaults. Throws `StoreError` code `invalid`, which never repeats the URL. */
export function settings(url: string, options: PostgresOptions) {
  const at = parse(url);
  const seconds = at.searchParams.get("connect_timeout") ?? process.env.PGCONNECT_TIMEOUT;
  const connectTimeout = options.connectTimeout ?? (Number(seconds) * 1000 || 5_000);
  const config: ClientConfig & { pipeline: boolean } = {
    host: decodeURIComponent(at.hostname).replace(/^\[|\]$/g, ""),
    port: Number(at.port || 5432),
    user: decodeURIComponent(at.username),
    password: decodeURIComponent(at.password),
    database: decodeURIComponent(at.pathname.slice(1)) || decodeURIComponent(at.username),
    ssl: tls(at.searchParams),
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    application_name: at.searchParams.get("application_name") ?? "agent-stores",
    pipeline: true,
    types: { getTypeParser: (oid: number) => decoder(oid) } as never,
  };
  return {
    config,
    connectTimeout,
    statementTimeout: options.statementTimeout ?? Number(at.searchParams.get("statement_timeout") ?? 30_000),
    pool: options.pool ?? (Number(at.searchParams.get("pool")) || 5),
  };
}

function parse(url: string): URL {
  try {
    const at = new URL(url);
    if (at.hostname) return at;
  } catch {
    // fall through: the client's own message would repeat the URL, password and all
  }
  throw new StoreError(
    "invalid",
    "postgres",
    "The URL of the store cannot be read.",
    "Write postgres://user:password@host:5432/database, with other signs percent-encoded.",
  );
}

/** libpq's `sslmode`, without its opportunistic modes. */
function tls(query: URLSearchParams): ClientConfig["ssl"] {
  const mode = query.get("sslmode") ?? "disable";
  const file = query.get("sslrootcert");
  const ca = file ? readFileSync(file, "utf8") : undefined;
  switch (mode) {
    case "disable":
      return false;
    case "require":
      return { rejectUnauthorized: ca !== undefined, ca };
    case "verify-ca":
    case "verify-full":
      return { rejectUnauthorized: true, ca };
    default:
      throw new StoreError(
        "invalid",
        "postgres",
        `sslmode=${mode} is not supported.`,
        "Use disable, require or verify-full.",
      );
  }
}
