import { byScheme } from "../role.ts";
import type { OpenEvent } from "./contract.ts";
import inprocess from "./inprocess.ts";
import kafka from "./kafka.ts";
import pglite from "./pglite.ts";
import postgres from "./postgres.ts";
import redis from "./redis.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenEvent> = {
  "postgres:": postgres,
  "pglite:": pglite,
  "redis:": redis,
  "rediss:": redis,
  "kafka:": kafka,
  "inprocess:": inprocess,
};

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that does not serve this role. */
export const openEvent: OpenEvent = (url) => byScheme("event", files, url)(url);
