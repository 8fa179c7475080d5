import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresClient } from "../../adapters/clients/postgres.ts";
import type { Row, SqlClient, Work } from "../../adapters/clients/sql.ts";
import type { EventBackend } from "../../adapters/event/backend.ts";
import { sqlBackend } from "../../adapters/event/sql-backend.ts";
import { openFleet } from "../../adapters/index.ts";
import { serverEnv, servers } from "../contract/servers.ts";

// How a server with a hundred thousand rows finds what is asked for, as the application's account under its policy. Needs CONTRACT_ADMIN_ENV.

const ROWS = 100_000;
const TENANT = `plans-${process.pid}`;
const TABLES =
  "select relname as name, seq_scan as n from pg_stat_user_tables where schemaname = 'events' and n_live_tup > 0 order by 1";

for (const { product, app, fleet } of (await servers("event")).filter((one) => one.app.startsWith("postgres:"))) {
  describe(`events on ${product}`, () => {
    const admin = postgresClient(serverEnv[`${product.toUpperCase()}_ADMIN_URL`] ?? "");
    const writer = postgresClient(fleet);
    const client = postgresClient(app);
    const plans: string[] = [];
    let backend: EventBackend;
    beforeAll(async () => {
      await load(writer);
      await admin.run({
        tenant: null,
        timeout: 0,
        statements: [{ text: "analyze events.streams, events.events, events.consumers, events.deliveries" }],
      });
      backend = sqlBackend({ client, account: explaining(client, plans), notify() {} }, TENANT);
    }, 120_000);
    afterAll(async () => {
      const operator = openFleet({ EVENT_URL: fleet });
      await operator.deleteTenant(TENANT);
      await Promise.all([operator.close(), admin.close(), writer.close(), client.close()]);
    });

    it("every statement goes through an index, those inside functions too", async () => {
      const before = await counts(admin);
      for (let n = 0; n < 8; n++) await everything(backend, n); // from the sixth on with the plan that is kept
      await client.close();
      const names = Object.keys(before); // an empty partition is none that is read
      expect(names.length).toBeGreaterThanOrEqual(6);
      await expect
        .poll(
          async () =>
            (
              await admin.run({
                tenant: null,
                statements: [
                  {
                    text: "select 1 from pg_stat_activity where usename = $1 and state = 'active'",
                    values: ["agent_core"],
                  },
                ],
              })
            )[0],
        )
        .toEqual([]);
      const after = await counts(admin);
      for (const name of names) expect(`${name} ${after[name]}`).toBe(`${name} ${before[name]}`);
      expect(plans.length).toBeGreaterThan(60);
      const scans = plans.filter((plan) => /Seq Scan on (streams|events_|consumers|deliveries)/.test(plan));
      expect(scans).toEqual([]);
    }, 60_000);

    it("answers from any place of a long stream in milliseconds", async () => {
      const reader = sqlBackend(
        { client: writer, account: { run: (work) => writer.run(work), async check() {} }, notify() {} },
        TENANT,
      );
      for (const after of [0, ROWS / 2, ROWS - 50]) {
        await reader.read("long", after, 100, false);
        const started = performance.now();
        for (let n = 0; n < 20; n++) await reader.read("long", after, 100, false);
        expect((performance.now() - started) / 20).toBeLessThan(100);
      }
    });
  });
}

it("is for a server", () => {
  expect(true).toBe(true); // a file without a test is an error
});

/** One long stream over four months, many short ones, a group that is far behind, and one of which much is pending. */
async function load(client: SqlClient): Promise<void> {
  const statements = [
    ...[0, 1, 2, 3].map((n) => `select events.ensure_partition(now() - interval '${n * 28} days')`),
    `insert into events.streams (tenant_id, stream, head, last_at)
      select '${TENANT}', 'short-' || n, 1, now() from generate_series(1, ${ROWS / 5}) n union all select '${TENANT}', 'long', ${ROWS}, now()`,
    `insert into events.events (tenant_id, stream, version, at, type, data, event_id)
      select '${TENANT}', 'long', n, now() - (${ROWS} - n) * interval '80 seconds' * (100000.0 / ${ROWS}) * 0.9, 'counted', '{"n": 1}', 'id-' || n
      from generate_series(1, ${ROWS}) n order by n`,
    `insert into events.events (tenant_id, stream, version, at, type, data)
      select '${TENANT}', 'short-' || n, 1, now(), 'counted', '{"n": 1}' from generate_series(1, ${ROWS / 5}) n`,
    `insert into events.consumers (tenant_id, stream, group_name, handed)
      select '${TENANT}', 'short-' || n, 'g', 1 from generate_series(1, ${ROWS / 5}) n union all
      select '${TENANT}', 'long', g, h from (values ('behind', 100), ('pending', ${ROWS})) v (g, h)`,
    `insert into events.deliveries (tenant_id, stream, group_name, version, consumer, until, count, missed)
      select '${TENANT}', 'short-' || n, 'g', v, 'dead', now() + n * interval '1 minute', 1, 0 from generate_series(1, ${ROWS / 5}) n, generate_series(1, 3) v
      union all select '${TENANT}', 'long', 'pending', n, 'dead', now() + n * interval '1 minute', 1, 0 from generate_series(1, ${ROWS / 2}) n`,
  ];
  await client.run({ tenant: TENANT, timeout: 0, statements: statements.map((text) => ({ text })) });
}

/** Runs what it is given, after it asked how the server would. */
const explaining = (client: SqlClient, plans: string[]) => ({
  async check() {},
  async run(work: Work): Promise<Row[][]> {
    for (const { text, values = [] } of work.statements) {
      const statements = [{ text: `explain ${text}`, values }];
      const [rows = []] = await client.run({ ...work, statements });
      plans.push(`${text}\n${rows.map((row) => row["QUERY PLAN"]).join("\n")}`);
    }
    return client.run(work);
  },
});

/** Every act of the contract. */
async function everything(backend: EventBackend, n: number): Promise<void> {
  const one = { type: "t", json: "1", id: null };
  await backend.append("long", [one, { ...one, id: `new-${n}` }], undefined);
  await backend.append("long", [{ ...one, id: "id-500" }], undefined);
  await backend.append(`fresh-${n}`, [one], 0);
  await backend.read("long", ROWS / 2, 100, false);
  await backend.read("long", 0, 100, true);
  await backend.head("long");
  await backend.streams("short-1", "short-15");
  await backend.groups("long");
  await backend.groupStates({ stream: "short-15", group: "g" });
  for (const group of ["behind", "pending", "new"]) {
    const place = { stream: "long", group, consumer: "c" };
    await backend.join("long", group, group === "new" ? "now" : 0);
    const options = { batch: 10, ackMs: 30_000, done: [], resume: true };
    const first = await backend.take(place, options);
    const versions = first?.events.map(({ version }) => version) ?? [];
    await backend.giveBack(place, versions.slice(0, 2), 0, true);
    await backend.acknowledge(place, versions.slice(2));
    const second = await backend.take(place, { ...options, done: versions, resume: false });
    await backend.acknowledge(place, second?.events.map(({ version }) => version) ?? []);
  }
  await backend.trim("long", 10 * (n + 1), null);
  await backend.trim(`short-${n + 1}`, null, Date.now() * 1000 + 60_000_000);
}

async function counts(admin: SqlClient): Promise<Record<string, number>> {
  const [rows = []] = await admin.run({ tenant: null, statements: [{ text: TABLES }] });
  return Object.fromEntries(rows.map(({ name, n }) => [String(name), Number(n)]));
}
