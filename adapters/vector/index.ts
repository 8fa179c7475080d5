import { byScheme } from "../role.ts";
import chroma from "./chroma.ts";
import type { OpenVector } from "./contract.ts";
import inprocess from "./inprocess.ts";
import pglite from "./pglite.ts";
import postgres from "./postgres.ts";
import qdrant from "./qdrant.ts";

/** By the URL's scheme. These files are small; the client that each needs is loaded when it first connects. */
const files: Record<string, OpenVector> = {
  "postgres:": postgres,
  "pglite:": pglite,
  "qdrant:": qdrant,
  "chroma:": chroma,
  "inprocess:": inprocess,
};

/** The adapter of a URL's protocol; it connects on first use. Throws `StoreError` code `invalid` for a protocol that serves no vectors. */
export const openVector: OpenVector = (url) => byScheme("vector", files, url)(url);
