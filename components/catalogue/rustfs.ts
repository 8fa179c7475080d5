import { MiB, type Product } from "../product.ts";
import { ACCESS_KEYS, s3Budgets, s3Connections, s3Options } from "./minio.ts";

/** Takes MinIO's place, with its ports and credentials. */
export default {
  title: "RustFS",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["artifact"],
  freezes: "service",
  ...s3Connections({ accounts: "rustfs" }),
  console: "console",
  options: s3Options,
  container: {
    image: "docker.io/rustfs/rustfs:1.0.0",
    ports: { api: { container: 9000, host: 9000 }, console: { container: 9001, host: 9001 } },
    data: "/data",
    user: { uid: 10001, gid: 10001, any: true },
    credentials: ["root", "app"],
    credentialsOf: "minio",
    env: () => ({
      RUSTFS_VOLUMES: "/data",
      RUSTFS_ADDRESS: ":9000",
      RUSTFS_CONSOLE_ENABLE: "true",
      RUSTFS_CONSOLE_ADDRESS: ":9001",
      RUSTFS_ACCESS_KEY: ACCESS_KEYS.root,
      RUSTFS_SECRET_KEY_FILE: "/run/secrets/root",
      // Empty: to standard output, where `docker logs` finds them.
      RUSTFS_OBS_LOG_DIRECTORY: "",
    }),
    args: () => ["rustfs"],
    files: (at) => ({ "/run/secrets/root": { content: at.secret("root") } }),
    probe: { http: { port: "api", path: "/health/ready", by: "curl" } },
    stop: { signal: "SIGTERM", grace: 30 },
    startup: 120,
    budgets: s3Budgets,
    minimum: { memory: 256 * MiB },
  },
} satisfies Product;
