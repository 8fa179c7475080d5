import { z } from "zod";
import { type At, GiB, MiB, type Product } from "../product.ts";
import { type Text, url } from "../secret.ts";

/** Where servers of Redis' kind differ from each other: everything else they share. */
interface Kind {
  title: string;
  licence: string;
  upkeep: Product["upkeep"];
  image: string;
  server: string;
  cli: string;
  /** Does not know functions, nor a limit for what clients use together. */
  old?: boolean;
}

const options = z.strictObject({
  maxmemoryPercent: z
    .int()
    .min(10)
    .max(90)
    .default(40)
    .describe("share of the memory budget for data; what clients send and read, and a fork to save it, need the rest"),
  maxmemoryPolicy: z
    .enum(["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"])
    .default("noeviction")
    .describe(
      "noeviction refuses writes when full; the others also evict locks and counters, so they are for caches only",
    ),
  appendfsync: z
    .enum(["always", "everysec", "no"])
    .default("everysec")
    .describe("everysec may lose the last second in a crash of the machine, always loses no acknowledged write"),
  save: z
    .string()
    .regex(/^([1-9]\d* \d+( [1-9]\d* \d+)*)?$/, 'expected pairs of seconds and changes, e.g. "3600 1 300 100"')
    .default("3600 1 300 100 60 10000")
    .describe("when to write an RDB snapshot beside the append-only file; empty: never"),
});

const login = (at: At, account: string, query: Record<string, string> = {}): Text =>
  url({
    scheme: "redis:",
    username: account,
    password: at.secret(account),
    host: at.host,
    port: at.ports.redis,
    path: "/0",
    query,
  });

/** With the promise that the server's settings keep, so that a client knows it. */
const store = (at: At, account: string) =>
  login(at, account, at.options.appendfsync === "always" ? { durable: "true" } : {});

/**
 * Nobody can log in as `default`, but the server replays its append-only file as that account: without these rights it leaves out every transaction and script
 * at a restart, and says so in its log alone.
 */
const DEFAULT_USER = "user default off resetpass ~* &* +@all";

/**
 * What each account may do; `app` stays in database 0, where the fleet looks. The server gets hashes; `health` has no password and may only say PING.
 */
const RULES = {
  admin: "~* &* +@all",
  fleet:
    "~* &* +@all -@admin -@dangerous -memory +info +config|get +slowlog|get +memory|usage +memory|stats +client|list +latency|latest",
  app: "~t:* &t:* +@all -@admin -@dangerous -select -move -memory",
};

/** What a frozen server takes away from all but the administrator: they read on. Messages are no data. */
const FROZEN = " -@write +publish";

const usersOf = (at: At, old: boolean): Text => ({
  join: [
    `${DEFAULT_USER}\nuser health on nopass -@all +ping\n`,
    ...Object.entries(RULES).flatMap(([account, rules]) => [
      `user ${account} on #`,
      { ...at.secret(account), as: "sha256" as const },
      ` ${rules}${account === "app" && !old ? " -function" : ""}${at.frozen && account !== "admin" ? FROZEN : ""}\n`,
    ]),
  ],
});

/** One argument for each word: an old server takes no quoted list of points. */
const savePoints = (save: string): string[] =>
  save === "" ? ["--save", ""] : (save.match(/\d+ \d+/g) ?? []).flatMap((point) => ["--save", ...point.split(" ")]);

/** What clients send and have not read yet lies beside the data: a client loses its connection before the server loses its memory. */
const clientLimits = (old: boolean): string[] => [
  ...["--client-query-buffer-limit", "32mb", "--client-output-buffer-limit", "normal", "64mb", "0", "0"],
  ...(old ? [] : ["--maxmemory-clients", "25%"]),
];

/** The row of a server that speaks the Redis protocol and takes Redis' place, port and credentials. */
export const redisKind = ({ title, licence, upkeep, image, server, cli, old = false }: Kind): Product => ({
  title,
  licence,
  upkeep,
  roles: ["session", "event"],
  protocol: "redis",
  freezes: "service",
  options,
  urls: (at) => ({
    admin: store(at, "admin"),
    owner: store(at, "admin"),
    fleet: store(at, "fleet"),
    app: store(at, "app"),
  }),
  variables: (at) => ({ REDIS_URL: login(at, "app") }),
  container: {
    image,
    ports: { redis: { container: 6379, host: 6379 } },
    data: "/data",
    user: { uid: 999, gid: 999, any: true },
    credentials: Object.keys(RULES),
    credentialsOf: "redis",
    env: () => ({}),
    args: ({ options, budget }) => [
      server,
      ...["--dir", "/data", "--aclfile", "/run/secrets/users.acl"],
      ...["--maxmemory", `${Math.floor((budget.memory * options.maxmemoryPercent) / 100 / MiB)}mb`],
      ...["--maxmemory-policy", options.maxmemoryPolicy],
      ...["--appendonly", "yes", "--appendfsync", options.appendfsync],
      ...savePoints(options.save),
      ...clientLimits(old),
    ],
    files: (at) => ({ "/run/secrets/users.acl": { content: usersOf(at, old) } }),
    // grep, because a server that is still loading also answers, with an error.
    probe: { exec: ["sh", "-c", `${cli} --no-auth-warning --user health --pass health ping | grep -q PONG`] },
    cli,
    stop: { signal: "SIGTERM", grace: 60 },
    startup: 120,
    budgets: {
      dev: { cpu: 1, memory: 512 * MiB, disk: 1 * GiB },
      production: { cpu: 1, memory: 2 * GiB, disk: 20 * GiB },
    },
    minimum: { memory: 64 * MiB },
  },
});

export default redisKind({
  title: "Redis",
  licence: "AGPL-3.0, RSALv2 or SSPLv1",
  upkeep: { state: "maintained" },
  image: "docker.io/library/redis:8.10.1",
  server: "redis-server",
  cli: "redis-cli",
});
