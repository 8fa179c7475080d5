import { byScheme } from "../role.ts";
import type { OpenMemory } from "./contract.ts";
import inprocess from "./inprocess.ts";
import mongodb from "./mongodb.ts";
import pglite from "./pglite.ts";
import postgres from "./postgres.ts";
import sqlite from "./sqlite.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenMemory> = {
  "postgres:": postgres,
  "pglite:": pglite,
  "sqlite:": sqlite,
  "mongodb:": mongodb,
  "mongodb+srv:": mongodb,
  "inprocess:": inprocess,
};

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that does not serve this role. */
export const openMemory: OpenMemory = (url) => byScheme("memory", files, url)(url);
