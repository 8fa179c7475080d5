import { Objects } from "./objects.ts";
import { serve } from "./server.ts";

/** Stands in for Pulumi's Kubernetes provider, whose releases the lab cannot fetch: the same tokens and inputs, without a schema. */
const objects = new Objects();
await serve({
  version: "4.34.2",
  objects,
  configured: ({ context }) => objects.use(context),
  cancel: () => objects.cancel(),
});
