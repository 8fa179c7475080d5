import { type RedisClient, redisClient } from "../clients/redis.ts";
import { checkAge, checkTenant, isTenant } from "../input.ts";
import type { OpenSession, SessionFleet } from "./contract.ts";
import { redisPortable } from "./redis-portable.ts";
import { countsOf, keyParts, kindOf, redisBackend, removeKeys, scan } from "./redis-store.ts";
import { sessionStore } from "./store.ts";

/** The `session` role on a server that speaks Redis's protocol, from Redis 6.2 on: Redis, Valkey, KeyDB. */
const open: OpenSession = (url) => {
  const client = redisClient(url);
  const can = { durable: client.durable, shared: true };
  const why = client.durable
    ? {}
    : { durable: "The server writes to disk after it has answered; set appendfsync to always." };
  return {
    tenant: (tenant) => sessionStore(redisBackend(client, checkTenant(tenant)), can, why),
    removeNames: (tenant, prefix) => redisBackend(client, checkTenant(tenant)).removeNames(prefix),
    fleet: fleet(client),
    health: () => client.run(named, "repeatable"),
    close: () => client.close(),
  };
};
export default open;

const product: Record<string, string> = { redis: "Redis", valkey: "Valkey", keydb: "KeyDB" };

/** What the server is. An application's account may ask this, too. */
export async function named(redis: Parameters<Parameters<RedisClient["run"]>[0]>[0]): Promise<string> {
  const facts = (await redis.hello()) as unknown[];
  const fact = (name: string) => String(facts[facts.indexOf(name) + 1]);
  return `${product[fact("server")] ?? fact("server")} ${fact("version")}`;
}

function fleet(client: RedisClient): SessionFleet {
  return {
    ...redisPortable(client),
    deleteTenant: (tenant) => removeKeys(client, checkTenant(tenant), ""),
    async tenants() {
      const counts = new Map<string, number>();
      for await (const found of scan(client, "t:*")) {
        for (const key of found) {
          const { tenant } = keyParts(key);
          if (kindOf(key) && isTenant(tenant)) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
        }
      }
      return [...counts].map(([tenant, keys]) => ({ tenant, keys })).sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
    },
    // The server removes what has ended by itself, and shows nobody what it has not removed yet.
    purge: async ({ olderThanMs }) => nothing(olderThanMs),
    ended: async ({ olderThanMs }) => nothing(olderThanMs),
  };
}

function nothing(olderThanMs: number): Record<string, number> {
  checkAge("session", olderThanMs);
  return countsOf();
}
