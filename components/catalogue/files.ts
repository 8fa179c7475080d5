import { z } from "zod";
import type { Product } from "../product.ts";
import { url } from "../secret.ts";

/** A folder of this machine. */
export default {
  title: "Files",
  licence: "none needed",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  protocol: "file",
  options: z.strictObject({}),
  urls({ folder }) {
    const store = url({ scheme: "file:", path: folder });
    return { admin: store, owner: store, fleet: store, app: store };
  },
} satisfies Product;
