import { byScheme } from "../role.ts";
import type { OpenSearch } from "./contract.ts";
import inprocess from "./inprocess.ts";
import pglite from "./pglite.ts";
import postgres from "./postgres.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenSearch> = { "postgres:": postgres, "pglite:": pglite, "inprocess:": inprocess };

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that serves no search. */
export const openSearch: OpenSearch = (url) => byScheme("search", files, url)(url);
