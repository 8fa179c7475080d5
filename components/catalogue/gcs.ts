import { z } from "zod";
import type { Product } from "../product.ts";
import { url } from "../secret.ts";

/** Google Cloud Storage: bound by its URL. Without a service account in the URL, credentials are Google's application default ones. */
export default {
  title: "Google Cloud Storage",
  licence: "a service",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  protocol: "gs",
  options: z.strictObject({}),
  managed: { url: "gs://<bucket>" },
  urls() {
    const store = url({ scheme: "gs:", host: "agent-artifacts" });
    return { admin: store, owner: store, fleet: store, app: store };
  },
} satisfies Product;
