import { z } from "zod";
import { forAll, type Product } from "../product.ts";
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
  urls: () => forAll(url({ scheme: "gs:", host: "agent-artifacts" })),
} satisfies Product;
