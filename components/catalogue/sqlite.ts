import { z } from "zod";
import type { Product } from "../product.ts";
import { url } from "../secret.ts";

/** SQLite, in the process that uses it; several processes may open the same file. */
export default {
  title: "SQLite",
  licence: "public domain",
  upkeep: { state: "maintained" },
  roles: ["session", "memory", "run"],
  protocol: "sqlite",
  options: z.strictObject({}),
  urls({ folder }) {
    const store = url({ scheme: "sqlite:", path: folder });
    return { admin: store, owner: store, fleet: store, app: store };
  },
} satisfies Product;
