import { z } from "zod";
import { forAll, type Product } from "../product.ts";
import { url } from "../secret.ts";

/** Amazon S3, or any object store of a cloud that speaks its protocol: bound by its URL. Without an account in the URL, credentials come from AWS' default chain. */
export default {
  title: "Amazon S3",
  licence: "a service",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  protocol: "s3",
  options: z.strictObject({}),
  managed: { url: "s3://s3.eu-central-1.amazonaws.com/<bucket>?region=eu-central-1" },
  urls: () =>
    forAll(
      url({
        scheme: "s3:",
        host: "s3.eu-central-1.amazonaws.com",
        path: "/agent-artifacts",
        query: { region: "eu-central-1" },
      }),
    ),
} satisfies Product;
