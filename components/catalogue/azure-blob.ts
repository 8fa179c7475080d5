import { z } from "zod";
import { forAll, type Product } from "../product.ts";
import { url } from "../secret.ts";

/** Azure Blob Storage: bound by its URL. Without a key or a signature in the URL, credentials come from AZURE_STORAGE_CONNECTION_STRING or Azure's default chain. */
export default {
  title: "Azure Blob Storage",
  licence: "a service",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  protocol: "azblob",
  options: z.strictObject({}),
  managed: { url: "azblob://<account>.blob.core.windows.net/<container>" },
  urls: () => forAll(url({ scheme: "azblob:", host: "myaccount.blob.core.windows.net", path: "/agent-artifacts" })),
} satisfies Product;
