import { z } from "zod";
import { type At, forAll, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

const login = (at: At): Text =>
  url({
    scheme: "qdrant:",
    username: "",
    password: at.secret("key"),
    host: at.host,
    port: at.ports.api,
    path: `/${at.options.collection}`,
    query: { tls: "false" },
  });

/** The image has no program that speaks HTTP. */
const READY =
  "exec 3<>/dev/tcp/127.0.0.1/6333; printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; grep -q '200 OK' <&3";

export default {
  title: "Qdrant",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["vector"],
  protocol: "qdrant",
  freezes: "service",
  options: z.strictObject({
    collection: z
      .string()
      .regex(/^[a-z0-9_-]{1,64}$/, "expected 1 to 64 of a-z, 0-9, _ and -")
      .default("agent_vectors")
      .describe("name of the collection that has every tenant's chunks"),
  }),
  // One key for all: the server's own finer ones, which are tokens, know collections and no tenants.
  urls: (at) => forAll(login(at)),
  variables: (at) => ({ QDRANT_URL: `http://${at.host}:${at.ports.api}`, QDRANT_API_KEY: at.secret("key") }),
  container: {
    image: "docker.io/qdrant/qdrant:v1.19.0",
    ports: { api: { container: 6333, host: 6333 } },
    data: "/qdrant/storage",
    user: { uid: 0, gid: 0, any: true },
    credentials: ["key"],
    env: () => ({
      QDRANT__TELEMETRY_DISABLED: "true",
      // A batch of a thousand long vectors is more than the usual 32 MB as JSON.
      QDRANT__SERVICE__MAX_REQUEST_SIZE_MB: "128",
      // Everything that is written lies on the volume, so that another user may run the server.
      QDRANT__STORAGE__SNAPSHOTS_PATH: "/qdrant/storage/.snapshots",
      QDRANT_INIT_FILE_PATH: "/qdrant/storage/.initialized",
    }),
    // The program itself: the image's script ends before it does, and a container ends with its first process.
    args: () => ["./qdrant", "--config-path", "/run/secrets/qdrant.yaml"],
    files: (at) => ({
      "/run/secrets/qdrant.yaml": {
        content: { join: [`service:\n  ${at.frozen ? "read_only_api_key" : "api_key"}: "`, at.secret("key"), '"\n'] },
      },
    }),
    probe: { exec: ["bash", "-c", READY] },
    stop: { signal: "SIGTERM", grace: 60 },
    startup: 120,
    budgets: {
      dev: { cpu: 1, memory: 512 * MiB, disk: 10 * GiB },
      production: { cpu: 2, memory: 4 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 128 * MiB },
  },
} satisfies Product;
