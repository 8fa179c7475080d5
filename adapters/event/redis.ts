import { type RedisClient, redisClient } from "../clients/redis.ts";
import { checkTenant, isTenant } from "../input.ts";
import { named } from "../session/redis.ts";
import { scan } from "../session/redis-store.ts";
import type { EventBackend } from "./backend.ts";
import type { OpenEvent } from "./contract.ts";
import { eventFleet, type FleetBackend } from "./fleet.ts";
import { Keys, KINDS, type Kind, redisBackend } from "./redis-backend.ts";
import { closeAll, eventStore, type Subscriptions } from "./store.ts";

/** The `event` role on a server that speaks Redis's protocol, from Redis 6.2 on: Redis, Valkey, KeyDB. */
const open: OpenEvent = (url) => {
  const client = redisClient(url);
  const can = { durable: client.durable, shared: true, expectedVersion: true, idempotent: true };
  const why = client.durable
    ? {}
    : { durable: "The server writes to disk after it has answered; set appendfsync to always." };
  const subscriptions: Subscriptions = new Set();
  const backend = (tenant: string) => redisBackend(client, checkTenant(tenant));
  const over = (backend: EventBackend) => eventStore(backend, can, why, subscriptions);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: eventFleet(fleetBackend(client)),
    health: () => client.run(named, "repeatable"),
    async close() {
      await closeAll(subscriptions);
      await client.close();
    },
  };
};
export default open;

/** Tenant and kind of a key of this role. */
function partsOf(key: string): { tenant: string; kind: Kind } | undefined {
  const [, tenant, name] = key.split(":", 3);
  const kind = KINDS.find((one) => one === name);
  return kind && isTenant(tenant) ? { tenant, kind } : undefined;
}

function fleetBackend(client: RedisClient): FleetBackend {
  const all = async () => {
    const tenants = new Set<string>();
    for await (const found of scan(client, "t:*:event-*"))
      for (const key of found) {
        const parts = partsOf(key);
        if (parts?.kind === "event-names" || parts?.kind === "event-grouped") tenants.add(parts.tenant);
      }
    return [...tenants].sort();
  };
  return {
    of: (tenant) => redisBackend(client, tenant),
    async tenants() {
      const counted = (await all()).map(async (tenant) => {
        const names = new Keys(tenant).all("event-names");
        return { tenant, streams: await client.run((redis) => redis.zcard(names), "repeatable") };
      });
      return Promise.all(counted);
    },
    async deleteTenant(tenant) {
      const counts = { streams: 0, events: 0, groups: 0 };
      const remove = (keys: string[]) => client.run((redis) => redis.unlink(keys));
      const count = async (keys: readonly string[], one: "xlen" | "hlen") => {
        const sizes = await Promise.all(keys.map((key) => client.run((redis) => redis[one](key), "repeatable")));
        return sizes.reduce((sum, size) => sum + size, 0);
      };
      for await (const found of scan(client, `t:${tenant}:event*`)) {
        const ours = Object.groupBy(found, (key) => partsOf(key)?.kind ?? "other");
        counts.events += await count(ours.event ?? [], "xlen");
        counts.groups += await count(ours["event-groups"] ?? [], "hlen");
        counts.streams += ours["event-head"]?.length ?? 0;
        delete ours.other; // another role's
        for (const keys of Object.values(ours)) await remove(keys);
      }
      return counts;
    },
    async purge(olderThanMs) {
      const [seconds = 0, rest = 0] = await client.run((redis) => redis.time(), "repeatable");
      const before = (Number(seconds) * 1_000 - olderThanMs) * 1_000 + Number(rest);
      let removed = 0;
      for (const tenant of await all()) {
        const one = redisBackend(client, tenant);
        for (let last = ""; ; ) {
          const page = await one.streams("", last);
          for (const { stream } of page) removed += await one.trim(stream, null, before);
          if (page.length === 0) break;
          last = page.at(-1)?.stream ?? last;
        }
      }
      return removed;
    },
  };
}
