import { z } from "zod";
import { type At, forAll, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

const place = (at: At): Text =>
  url({ scheme: "chroma:", host: at.host, port: at.ports.api, path: `/${at.options.tenant}`, query: { tls: "false" } });

/** The image has no program that speaks HTTP. */
const READY =
  "exec 3<>/dev/tcp/127.0.0.1/8000; printf 'GET /api/v2/heartbeat HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; grep -q '200 OK' <&3";

export default {
  title: "Chroma",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["vector"],
  protocol: "chroma",
  freezes: "port",
  options: z.strictObject({
    tenant: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/, "expected 3 to 63 of a-z, 0-9, _ and -")
      .default("agent_vectors")
      .describe("name of the server's own tenant, which has a database for each of ours"),
  }),
  // The server has no accounts, and asks for no password: whoever reaches its port may do everything, so it is published on this machine alone.
  urls: (at) => forAll(place(at)),
  variables: (at) => ({ CHROMA_URL: `http://${at.host}:${at.ports.api}` }),
  container: {
    image: "docker.io/chromadb/chroma:1.5.9",
    ports: { api: { container: 8000, host: 8000 } },
    data: "/data",
    user: { uid: 0, gid: 0, any: true },
    credentials: [],
    env: () => ({
      // The server takes each variable that begins so for a setting, CHROMA_PORT too. A batch of a thousand long vectors is more than the usual 40 MB as JSON.
      CHROMA_MAX_PAYLOAD_SIZE_BYTES: String(128 * MiB),
    }),
    // The image's own settings: data in /data, which a file of ours would have to repeat.
    args: () => ["run", "/config.yaml"],
    files: () => ({}),
    probe: { exec: ["bash", "-c", READY] },
    // As the first process it takes no notice of SIGTERM.
    stop: { signal: "SIGINT", grace: 30 },
    startup: 120,
    budgets: {
      dev: { cpu: 1, memory: 2 * GiB, disk: 10 * GiB },
      production: { cpu: 2, memory: 4 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 256 * MiB },
  },
} satisfies Product;
