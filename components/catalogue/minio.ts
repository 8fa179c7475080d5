import { z } from "zod";
import { type At, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

/** The accounts' access keys; their secret keys are the credentials `root` and `app`. */
export const ACCESS_KEYS = { root: "agent-root", app: "agent-app" } as const;

export const s3Options = z.strictObject({
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "expected 3 to 63 of a-z, 0-9 and -")
    .default("agent-artifacts")
    .describe("name of the bucket"),
});

/** What a server's URLs say beside the usual. */
interface Said {
  /** Whose administration makes the `app` account; none: the server knows it already. Goes to the administrator alone. */
  accounts?: "minio" | "rustfs";
  /** The server lists folder by folder, and not in the order of names. */
  listing?: "folders";
}

/** `nested=false`: none of these servers keeps both an object and others below its name. MinIO accepts the second and then lists one of them. */
function login(at: At, account: keyof typeof ACCESS_KEYS, said: Said): Text {
  return url({
    scheme: "s3:",
    username: ACCESS_KEYS[account],
    password: at.secret(account),
    host: at.host,
    port: at.ports.api,
    path: `/${at.options.bucket}`,
    query: { tls: "false", nested: "false", ...said },
  });
}

/** URLs and variables of a server that speaks S3, with its port named `api`. */
export const s3Connections = ({ accounts, ...said }: Said): Pick<Product, "protocol" | "urls" | "variables"> => ({
  protocol: "s3",
  urls(at) {
    const root = login(at, "root", { ...said, ...(accounts && { accounts }) });
    const app = login(at, "app", said);
    return { admin: root, owner: root, fleet: app, app };
  },
  variables: (at) => ({
    S3_ENDPOINT: `http://${at.host}:${at.ports.api}`,
    S3_ACCESS_KEY: ACCESS_KEYS.app,
    S3_SECRET_KEY: at.secret("app"),
    S3_BUCKET: at.options.bucket,
  }),
});

/** What every S3 server gets by default. */
export const s3Budgets = {
  dev: { cpu: 1, memory: 512 * MiB, disk: 10 * GiB },
  production: { cpu: 2, memory: 4 * GiB, disk: 200 * GiB },
};

/** A Go program's heap gives way before the container's limit kills it. */
export const goLimit = ({ budget }: At) => ({ GOMEMLIMIT: `${Math.floor((budget.memory * 0.8) / MiB)}MiB` });

export default {
  title: "MinIO",
  licence: "AGPL-3.0",
  upkeep: {
    state: "frozen",
    why: "no image since September 2025, none on Docker Hub since September 2026, and known faults stay",
    instead: "rustfs or seaweedfs",
  },
  roles: ["artifact"],
  freezes: "service",
  ...s3Connections({ accounts: "minio" }),
  console: "console",
  options: s3Options,
  container: {
    // The last image that was made; quay.io is the only registry that still has it.
    image: "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z",
    ports: { api: { container: 9000, host: 9000 }, console: { container: 9001, host: 9001 } },
    data: "/data",
    // The image's data folder belongs to root, and so does a fresh volume on it.
    user: { uid: 0, gid: 0, any: true },
    credentials: ["root", "app"],
    env: (at) => ({
      MINIO_ROOT_USER: ACCESS_KEYS.root,
      MINIO_ROOT_PASSWORD_FILE: "/run/secrets/root",
      MINIO_UPDATE: "off",
      ...goLimit(at),
    }),
    args: () => ["server", "/data", "--address", ":9000", "--console-address", ":9001"],
    files: (at) => ({ "/run/secrets/root": { content: at.secret("root") } }),
    probe: { http: { port: "api", path: "/minio/health/ready", by: "curl" } },
    // A stopping server may take a minute to write down what it still has to heal.
    stop: { signal: "SIGTERM", grace: 90 },
    startup: 120,
    budgets: s3Budgets,
    minimum: { memory: 128 * MiB },
  },
} satisfies Product;
