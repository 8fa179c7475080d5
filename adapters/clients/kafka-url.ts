import { refuse } from "../input.ts";
import { readUrl, timeoutIn, tlsIn } from "./store-url.ts";

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** Where a cluster is, and who opens it. */
export interface KafkaPlace {
  /** The broker that is asked for the others. */
  host: string;
  port: number;
  /** Empty: the cluster asks for no account. */
  username: string;
  password: string;
  /** @default PLAIN, or `?mechanism=` */
  mechanism: (typeof MECHANISMS)[number];
  /** What the names of our topics begin with, before a dot and the tenant's id. */
  prefix: string;
  /** @default true, or `?tls=` */
  tls: boolean;
  /** Milliseconds after which a call is given up. @default 30000, or `?timeout=` */
  timeout: number;
}

const QUERY = ["mechanism", "tls", "timeout"];
const LIKE =
  "Write kafka://user:password@host:9092/<prefix of the topics>?tls=false, with other signs percent-encoded.";

/**
 * What `kafka://user:password@host:9092/<prefix of the topics>?tls=false` says; `?mechanism=` is that of SASL, and `?timeout=` in milliseconds. Throws `StoreError` code
 * `invalid`, which never repeats the URL; unknown parameters are refused, since a misspelt one would go unnoticed.
 */
export function parseKafkaUrl(url: string): KafkaPlace {
  const { at, query, decoded } = readUrl("kafka", url, /^kafka:$/, LIKE, QUERY);
  if (at.hostname.includes(","))
    refuse("kafka", "The URL names several brokers.", "Name one of them: it tells where the others are.");
  const tls = tlsIn("kafka", query);
  const timeout = timeoutIn("kafka", query);
  const mechanism = MECHANISMS.find((one) => one === (query.get("mechanism") ?? "PLAIN"));
  if (!mechanism) return refuse("kafka", "?mechanism= is not known.", `Known are ${MECHANISMS.join(", ")}.`);
  const prefix = decoded(at.pathname.slice(1));
  if (!/^[a-z0-9][a-z0-9_-]{0,99}$/.test(prefix))
    refuse("kafka", "The URL's path is no beginning of a topic's name.", "Write kafka://host:9092/agent-events");
  return {
    host: at.hostname,
    port: Number(at.port || 9092),
    username: decoded(at.username),
    password: decoded(at.password),
    mechanism,
    prefix,
    tls,
    timeout,
  };
}
