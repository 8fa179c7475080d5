import { setTimeout as sleep } from "node:timers/promises";
import { type Kafka, kafkaAt } from "../clients/kafka.ts";
import { isGone } from "../clients/kafka-errors.ts";
import { checkTenant, isTenant } from "../input.ts";
import type { EventBackend } from "./backend.ts";
import type { OpenEvent } from "./contract.ts";
import { eventFleet, type FleetBackend } from "./fleet.ts";
import { kafkaBackend } from "./kafka-backend.ts";
import { Ear } from "./kafka-ear.ts";
import { TenantLog } from "./kafka-log.ts";
import { stateRecords } from "./kafka-state.ts";
import { closeAll, eventStore, type Subscriptions } from "./store.ts";

const can = { durable: true, shared: true, expectedVersion: true, idempotent: true };

/** Tenants whose logs are known, the latest that were asked for; others are read again. */
const LOGS = 256;

/**
 * The `event` role on Kafka. A tenant has one topic of one partition, which everybody reads whole: Kafka itself can neither compare a version nor hold an event back, but all who
 * read one log see its records in one order, and that order decides.
 */
const open: OpenEvent = (url) => {
  const kafka = kafkaAt(url);
  const ear = new Ear(kafka);
  const logs = new Map<string, TenantLog>();
  const logOf = (tenant: string): TenantLog => {
    const log = logs.get(tenant) ?? new TenantLog(kafka, tenant);
    logs.delete(tenant);
    logs.set(tenant, log);
    for (const oldest of logs.keys()) if (logs.size > LOGS) logs.delete(oldest);
    return log;
  };
  const subscriptions: Subscriptions = new Set();
  const backend = (tenant: string) => kafkaBackend(logOf(checkTenant(tenant)), ear, tenant);
  const over = (backend: EventBackend) => eventStore(backend, can, {}, subscriptions);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: eventFleet(fleetBackend(kafka, backend, logOf)),
    async health() {
      const topics = await kafka.topics();
      return `Kafka at ${kafka.place.host}:${kafka.place.port}, ${tenantsIn(kafka, topics).length} tenants`;
    },
    async close() {
      await closeAll(subscriptions);
      ear.close();
      await kafka.close();
    },
  };
};
export default open;

/** The tenants that have a log, in order of their ids. */
const tenantsIn = ({ place }: Kafka, topics: readonly string[]): string[] =>
  topics
    .filter((name) => name.startsWith(`${place.prefix}.`))
    .map((name) => name.slice(place.prefix.length + 1))
    .filter(isTenant)
    .sort();

function fleetBackend(
  kafka: Kafka,
  of: (tenant: string) => EventBackend,
  logOf: (tenant: string) => TenantLog,
): FleetBackend {
  const all = async () => tenantsIn(kafka, await kafka.topics());
  return {
    of,
    async tenants() {
      const found: { tenant: string; streams: number }[] = [];
      for (const tenant of await all()) {
        const machine = await logOf(tenant).current();
        if (machine.streams.size > 0) found.push({ tenant, streams: machine.sizes().streams });
      }
      return found;
    },
    async deleteTenant(tenant) {
      const log = logOf(tenant);
      const removed = (await log.current()).sizes();
      await remove(kafka, log.name);
      return removed;
    },
    async purge(olderThanMs) {
      let removed = 0;
      for (const tenant of await all()) {
        const log = logOf(tenant);
        const before = (log.now() - olderThanMs) * 1000;
        const machine = await log.current();
        if ([...machine.streams.keys()].some((name) => machine.ended(name, null, before) > 0))
          removed += await log.act<number>({ command: { do: "purge", olderThanMs } });
        await log.forget(stateRecords);
      }
      return removed;
    },
  };
}

/** Until nobody is told of it any more. */
async function remove(kafka: Kafka, name: string): Promise<void> {
  try {
    await kafka.remove(name);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  while (await kafka.topic(name)) await sleep(10);
}
