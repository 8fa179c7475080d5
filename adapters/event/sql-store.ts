import { setTimeout as sleep } from "node:timers/promises";
import { textArray } from "../clients/binary.ts";
import type { SqlClient } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import type { EventBackend } from "./backend.ts";
import type { EventAdapter, EventCapabilities, EventStore } from "./contract.ts";
import { eventFleet, type FleetBackend } from "./fleet.ts";
import { CHANNEL, removedOf, removeStatements, type Shared, sqlBackend, statement } from "./sql-backend.ts";
import { closeAll, eventStore, type Subscriptions } from "./store.ts";

/** Milliseconds between two notifications: appends that follow each other closely are told together. */
const PAUSE = 10;
/** Rows that one statement removes. */
const PURGE = 10_000;

/** The `event` role over SQL, for any client that runs it. Closes the client when it is closed. */
export function sqlEventAdapter(client: SqlClient, can: EventCapabilities, why: EventStore["why"]): EventAdapter {
  const { notify, drained } = notifier(client);
  const shared: Shared = { client, account: asAccount(client, "app", "events.events"), notify };
  const subscriptions: Subscriptions = new Set();
  const fleetAccount = asAccount(client, "fleet", "events.events");
  const backend = (tenant: string) => sqlBackend(shared, checkTenant(tenant));
  const over = (backend: EventBackend) => eventStore(backend, can, why, subscriptions);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: eventFleet(fleetBackend({ client, account: fleetAccount, notify, timeout: 0 })),
    health: () => health(client),
    async close() {
      await closeAll(subscriptions);
      await drained();
      await client.close();
    },
  };
}

/**
 * Tells other processes what was appended, after it was: a transaction that notifies keeps every other one of the kind waiting until its commit is on the disk,
 * so appends would follow each other over the whole server. What is lost here is found by the next look.
 */
function notifier(client: SqlClient) {
  const keys = new Set<string>();
  let busy: Promise<void> | undefined;
  async function send(): Promise<void> {
    while (keys.size > 0) {
      const text = "select pg_notify($1, k) from unnest($2::text[]) k";
      const statements = [statement(text, CHANNEL, textArray([...keys]))];
      keys.clear();
      await client.run({ tenant: null, settings: { synchronous_commit: "off" }, statements }).catch(() => {});
      await sleep(PAUSE);
    }
    busy = undefined;
  }
  return {
    notify(key: string) {
      if (!client.listen) return; // nobody else has the database
      keys.add(key);
      busy ??= send();
    },
    drained: async () => busy,
  };
}

function fleetBackend(shared: Shared): FleetBackend {
  const run = async (text: string, ...values: string[]) => {
    const work = { tenant: null, timeout: 0, statements: [statement(text, ...values)] };
    return (await shared.account.run(work))[0] ?? [];
  };
  return {
    of: (tenant) => sqlBackend(shared, tenant),
    async tenants() {
      const rows = await run(
        `select tenant_id as tenant, sum(n)::float8 as streams from (
            select tenant_id, count(*) as n from events.streams group by 1
            union all select tenant_id, 0 from events.consumers group by 1) t
          group by 1 order by 1`,
      );
      return rows as unknown as { tenant: string; streams: number }[];
    },
    async deleteTenant(tenant) {
      return removedOf(await shared.account.run({ tenant, timeout: 0, statements: removeStatements(tenant) }));
    },
    async purge(olderThanMs) {
      const [moment] = await run(
        "select (now() - $1::bigint * interval '1 millisecond')::text as before",
        String(olderThanMs),
      );
      const before = String(moment?.before);
      // Whole months first, by dropping their tables.
      const [counted, dropped] = await shared.account.run({
        tenant: null,
        timeout: 0,
        statements: [
          statement(
            "select count(*)::float8 as n from events.events where at < date_trunc('month', $1::timestamptz, 'UTC')",
            before,
          ),
          statement("select events.drop_months($1::timestamptz) as n", before),
        ],
      });
      let removed = dropped?.[0]?.n ? Number(counted?.[0]?.n) : 0;
      const text = `with gone as (
          delete from events.events where (tenant_id, stream, version, at) in (
            select tenant_id, stream, version, at from events.events where at < $1::timestamptz limit ${PURGE})
          and at < $1::timestamptz returning 1)
        select count(*)::float8 as n from gone`;
      for (;;) {
        const n = Number((await run(text, before))[0]?.n ?? 0);
        removed += n;
        if (n < PURGE) return removed;
      }
    },
  };
}

/** What the server is, after a look at whether it has the schema. */
async function health(client: SqlClient): Promise<string> {
  const text = "select current_setting('server_version') as server, 'events.events'::regclass::text as schema";
  const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
  return `PostgreSQL ${String(rows?.[0]?.server).split(" ")[0]}`;
}
