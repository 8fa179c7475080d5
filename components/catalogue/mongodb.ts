import { z } from "zod";
import { type At, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

const DATABASE = "agent_core";
/** What MongoDB calls each account. `admin` is the image's root: prepare makes the others. */
const USER_OF = { admin: "root", owner: "agent_owner", fleet: "agent_fleet", app: "agent_core" } as const;

const login = (at: At, account: keyof typeof USER_OF): Text =>
  url({
    scheme: "mongodb:",
    username: USER_OF[account],
    password: at.secret(account),
    host: at.host,
    port: at.ports.mongo,
    path: `/${DATABASE}`,
    // Where the accounts are; other clients look for them in the URL's own database.
    query: { authSource: "admin" },
  });

/** Half of what is beyond 1 GiB, as the server itself would have it, and at least its least. */
const cacheGiB = (memory: number) => Math.max(0.25, Math.floor(((memory - GiB) / GiB / 2) * 100) / 100);

/**
 * The message `{ hello: 1 }`, which needs no account, and its answer: the image's own client takes a second of a whole core to say the same. To the container's name and not to
 * 127.0.0.1, since the server that makes the accounts of an empty folder listens there and must not count as ready.
 */
const HELLO =
  "\\x34\\0\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\0\\xdd\\x07\\0\\0\\0\\0\\0\\0\\0\\x1f\\0\\0\\0\\x10hello\\0\\x01\\0\\0\\0\\x02$db\\0\\x06\\0\\0\\0admin\\0\\0";
const READY = `exec 3<>/dev/tcp/$HOSTNAME/27017; printf '${HELLO}' >&3; head -c 150 <&3 | grep -aq isWritablePrimary`;

export default {
  title: "MongoDB",
  licence: "SSPL-1.0",
  upkeep: { state: "maintained" },
  roles: ["memory"],
  protocol: "mongodb",
  freezes: "port",
  options: z.strictObject({}),
  urls: (at) => ({
    admin: login(at, "admin"),
    owner: login(at, "owner"),
    fleet: login(at, "fleet"),
    app: login(at, "app"),
  }),
  variables: (at) => ({ MONGODB_URL: login(at, "app") }),
  container: {
    image: "docker.io/library/mongo:8.0.29",
    ports: { mongo: { container: 27017, host: 27017 } },
    data: "/data/db",
    user: { uid: 999, gid: 999, any: true },
    credentials: ["admin", "owner", "fleet", "app"],
    env: () => ({
      MONGO_INITDB_ROOT_USERNAME: USER_OF.admin,
      MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/admin",
    }),
    args: ({ budget }) => ["mongod", "--bind_ip_all", "--wiredTigerCacheSizeGB", String(cacheGiB(budget.memory))],
    files: (at) => ({ "/run/secrets/admin": { content: at.secret("admin") } }),
    probe: { exec: ["bash", "-c", READY] },
    stop: { signal: "SIGTERM", grace: 60 },
    startup: 180,
    budgets: {
      dev: { cpu: 1, memory: 1 * GiB, disk: 5 * GiB },
      production: { cpu: 2, memory: 4 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 512 * MiB },
  },
} satisfies Product;
