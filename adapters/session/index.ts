import { byScheme } from "../role.ts";
import type { OpenSession } from "./contract.ts";
import inprocess from "./inprocess.ts";
import redis from "./redis.ts";
import sqlite from "./sqlite.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenSession> = {
  "redis:": redis,
  "rediss:": redis,
  "sqlite:": sqlite,
  "inprocess:": inprocess,
};

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that does not serve this role. */
export const openSession: OpenSession = (url) => byScheme("session", files, url)(url);
