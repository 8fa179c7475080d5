import { z } from "zod";
import { type At, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

const DATABASE = "agent_core";
/** What PostgreSQL calls each account. `admin` is the image's superuser, which no policy binds: prepare makes the others. */
const ROLE_OF = { admin: "postgres", owner: "agent_owner", fleet: "agent_fleet", app: "agent_core" } as const;

const options = z.strictObject({
  tls: z.boolean().default(false).describe("TLS with the credentials tlsCert and tlsKey (PEM)"),
  maxConnections: z.int().min(10).max(10_000).default(100).describe("connections at most"),
  settings: z
    .record(z.string().regex(/^[a-z_][a-z0-9_.]*$/), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .default({})
    .describe("server settings, which win over what the budget gives"),
});

const login = (at: At, account: keyof typeof ROLE_OF): Text =>
  url({
    scheme: "postgres:",
    username: ROLE_OF[account],
    password: at.secret(account),
    host: at.host,
    port: at.ports.sql,
    path: `/${DATABASE}`,
    query: at.options.tls ? { sslmode: "require" } : {},
  });

const megabytes = (bytes: number) => `${Math.max(1, Math.floor(bytes / MiB))}MB`;

/** Memory shares after https://wiki.postgresql.org/wiki/Tuning_Your_PostgreSQL_Server; index builds get an eighth. */
function tuning({ budget: { memory, cpu }, options }: At): Record<string, string> {
  return {
    shared_buffers: megabytes(memory / 4),
    effective_cache_size: megabytes((memory * 5) / 8),
    maintenance_work_mem: megabytes(Math.min(memory / 8, 2 * GiB)),
    work_mem: megabytes(Math.max(memory / 4 / options.maxConnections, 4 * MiB)),
    max_connections: String(options.maxConnections),
    max_parallel_maintenance_workers: String(Math.max(1, Math.ceil(cpu))),
    password_encryption: "scram-sha-256",
    // Counts statements, so that the slow ones can be named afterwards; it has to be there from the start.
    shared_preload_libraries: "pg_stat_statements",
    // But not those that are no queries: they are kept as they stand, and one of them may set a password.
    "pg_stat_statements.track_utility": "off",
    ...(options.tls && { ssl: "on", ssl_cert_file: "/run/secrets/tlsCert", ssl_key_file: "/tmp/tlsKey" }),
    ...options.settings,
  };
}

/** The server refuses a key that others may read, so it gets a copy of its own. */
const OWN_KEY = ["sh", "-c", 'install -m 0600 /run/secrets/tlsKey /tmp/tlsKey && exec docker-entrypoint.sh "$@"', "sh"];

export default {
  title: "PostgreSQL + pgvector",
  licence: "PostgreSQL",
  upkeep: { state: "maintained" },
  roles: ["vector", "memory", "run", "event", "search"],
  protocol: "postgres",
  artifactIndex: true,
  freezes: "roles",
  options,
  urls: (at) => ({
    admin: login(at, "admin"),
    owner: login(at, "owner"),
    fleet: login(at, "fleet"),
    app: login(at, "app"),
  }),
  variables: (at) => ({
    PGHOST: at.host,
    PGPORT: String(at.ports.sql),
    PGUSER: ROLE_OF.app,
    PGPASSWORD: at.secret("app"),
    PGDATABASE: DATABASE,
    ...(at.options.tls && { PGSSLMODE: "require" }),
    DATABASE_URL: login(at, "app"),
  }),
  container: {
    image: "docker.io/pgvector/pgvector:0.8.6-pg18-trixie",
    ports: { sql: { container: 5432, host: 5432 } },
    // The parent of PGDATA: since 18 the image refuses a mount at …/data, and a folder of our own spares initdb a lost+found.
    data: "/var/lib/postgresql",
    user: { uid: 999, gid: 999, any: true },
    credentials: ["admin", "owner", "fleet", "app"],
    needs: (options) =>
      options.tls
        ? [
            { name: "tlsCert", what: "the server's certificate chain (PEM)" },
            { name: "tlsKey", what: "its private key (PEM)" },
          ]
        : [],
    env: () => ({
      POSTGRES_USER: ROLE_OF.admin,
      POSTGRES_DB: DATABASE,
      POSTGRES_PASSWORD_FILE: "/run/secrets/admin",
      PGDATA: "/var/lib/postgresql/18/docker",
    }),
    args: (at) => [
      ...(at.options.tls ? OWN_KEY : []),
      "postgres",
      ...Object.entries(tuning(at)).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    files: (at) => ({
      "/run/secrets/admin": { content: at.secret("admin") },
      ...(at.options.tls && {
        "/run/secrets/tlsCert": { content: at.secret("tlsCert") },
        "/run/secrets/tlsKey": { content: at.secret("tlsKey") },
      }),
    }),
    // Over TCP: the server that initialises an empty folder listens on its socket only and must not count as ready.
    probe: { exec: ["pg_isready", "-q", "-h", "127.0.0.1", "-U", ROLE_OF.admin, "-d", DATABASE] },
    cli: "psql",
    stop: { signal: "SIGINT", grace: 90 },
    startup: 180,
    writable: ["/tmp", "/var/run/postgresql"],
    // A parallel HNSW build keeps its graph in shared memory, up to maintenance_work_mem.
    shm: ({ budget }) => Math.max(budget.memory / 4, 64 * MiB),
    budgets: {
      dev: { cpu: 2, memory: 1 * GiB, disk: 5 * GiB },
      production: { cpu: 2, memory: 8 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 128 * MiB },
    // initdb trusts the local socket; the statement goes in by standard input, so no password shows in a process list.
    reconcile: (at) => ({
      exec: ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", ROLE_OF.admin, "-d", "postgres"],
      input: { join: [`alter role ${ROLE_OF.admin} password '`, at.secret("admin"), "';\n"] },
    }),
  },
} satisfies Product;
