import { z } from "zod";
import type { At, Product } from "../product.ts";
import { url } from "../secret.ts";

const login = (at: At, role: string) => url({ scheme: "pglite:", path: at.folder, query: { role } });

/** PostgreSQL and pgvector as WebAssembly, in the process that uses it. */
export default {
  title: "PGlite",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["vector", "memory", "run", "event", "search"],
  protocol: "pglite",
  artifactIndex: true,
  options: z.strictObject({}),
  urls: (at) => ({
    admin: login(at, "postgres"),
    owner: login(at, "agent_owner"),
    fleet: login(at, "agent_fleet"),
    app: url({ scheme: "pglite:", path: at.folder }),
  }),
} satisfies Product;
