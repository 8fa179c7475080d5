import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SqlClient, Statement, Value } from "../../adapters/clients/sql.ts";
import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import { claimAfterSql, claimSql, IN_ORDER } from "../../adapters/run/sql-claim.ts";
import { listSql } from "../../adapters/run/sql-store.ts";
import { checkClaim, checkList } from "../../adapters/run/validate.ts";
import { OUTSIDE, partOf } from "../../adapters/runs.ts";
import { serverEnv } from "../contract/servers.ts";
import { storesUnderTest } from "../contract/under-test.ts";

// How a database answers with many runs, of which 95 % are finished: no statement of the contract reads the whole table, under a policy or across tenants. A server has 100,000 of them; the
// embedded engine has fewer, and shows the claims alone, since there a scan is the better plan of a list.

const tenant = `plans-${process.pid}`;
const names = [0, 1, 2, 3].map((n) => `${tenant}-${n}`);
const [first = ""] = names;
const LOAD = `insert into agents.run_state (tenant_id, run_id, kind, status, state, version, attempt, max_attempts, priority, not_before, parent, worker, token, lease_until, created_at, updated_at, finished_at)
  select $1::text || '-' || i % 4, of || 'r' || i, of || 'k' || i % 7, s, '{"step": 1}', 1, 0, 3, i % 5, at, 'p' || i % 1000, case s when 'running' then 'w' end, 1,
    case s when 'running' then now() + (i % 90 - 3) * interval '1 minute' end, at, at, case when s in ('succeeded', 'failed') then at end
  from generate_series(1, $2::int) i cross join lateral (select case when i % 12 = 0 then 'run/1/' else '' end as of) o
    cross join lateral (select now() - ($2::int - i) * interval '1 second' as at, case when i % 100 < 92 then 'succeeded' when i % 100 < 95 then 'failed'
      when i % 100 < 96 then 'running' else 'queued' end as s) t`;

const databases = (await storesUnderTest("run")).filter(({ app }) => /^(postgres|pglite):/.test(app.RUN_URL ?? ""));

for (const { name, app, admin } of databases) {
  const server = app.RUN_URL?.startsWith("postgres:");
  const rows = server ? 100_000 : 5_000;
  describe(`plans of run on ${name}`, () => {
    const clients = { app: sqlClient(app.RUN_URL ?? "", "run"), fleet: sqlClient(admin.RUN_URL ?? "", "run") };
    const asFleet = (text: string, values: Value[]) =>
      clients.fleet.run({ tenant: null, timeout: 0, statements: [{ text, values }] });
    // Claims are planned while these runs are unknown to the planner, as when a tenant has just put its first ones in; lists afterwards.
    beforeAll(() => asFleet(LOAD, [tenant, rows]), 120_000);
    afterAll(async () => {
      await asFleet("delete from agents.run_state where tenant_id = any($1::text[])", [`{${names.join()}}`]);
      await Promise.all(Object.values(clients).map((client) => client.close()));
    }, 120_000);

    const claim = (more: object) => checkClaim({ worker: "w", ...more });
    const list = (more: object) => listSql(first, checkList(more));
    const after = `${Date.now() * 1_000}.r5`;
    const custom = { plan_cache_mode: "force_custom_plan" };
    type Case = [what: string, who: "app" | "fleet", statement: Statement, settings: Record<string, string>];
    const claims: Case[] = [
      ["claim", "app", claimSql(first, claim({})), IN_ORDER],
      ["claim of one kind", "app", claimSql(first, claim({ kinds: ["k1"], limit: 10 })), IN_ORDER],
      ["claim of several kinds", "app", claimSql(first, claim({ kinds: ["k1", "k2", "none"], limit: 10 })), IN_ORDER],
      ["claim of one kind by the fleet in a tenant", "fleet", claimSql(first, claim({ kinds: ["k1"] })), IN_ORDER],
      ["claim across tenants", "fleet", claimAfterSql("", claim({ limit: 10 })), IN_ORDER],
      [
        "claim of one kind across tenants",
        "fleet",
        claimAfterSql(first, claim({ kinds: ["k1"], limit: 10 })),
        IN_ORDER,
      ],
      ["claim of several kinds across tenants", "fleet", claimAfterSql("", claim({ kinds: ["k1", "k2"] })), IN_ORDER],
    ];
    const inRun = { part: partOf("1") };
    claims.push(
      ["claim of a run", "app", claimSql(first, { ...claim({ limit: 10 }), ...inRun }), IN_ORDER],
      ["claim of a run that has nothing", "app", claimSql(first, { ...claim({}), part: partOf("2") }), IN_ORDER],
    );
    const lists: Case[] = [
      ["list", "app", list({}), custom],
      ["list of a rare status", "app", list({ status: "running" }), custom],
      ["list of the most common status", "app", list({ status: "succeeded" }), custom],
      ["list of a kind", "app", list({ kind: "k3" }), custom],
      ["list of a kind that is not there", "app", list({ kind: "none" }), custom],
      ["list of a kind and a status", "app", list({ kind: "k3", status: "failed", after }), custom],
      ["list of a parent", "app", list({ parent: "p8" }), custom],
      ["list of a parent and a status", "app", list({ parent: "p8", status: "queued" }), custom],
      ["list, the next page", "app", list({ after }), custom],
      ["list of a run", "app", listSql(first, { ...checkList({}), ...inRun }), custom],
      ["list of what is in no run", "app", listSql(first, { ...checkList({}), part: OUTSIDE }), custom],
    ];
    it.each(claims)("%s uses an index, whatever the planner knows", (...one) => check(...one));
    it("knows the runs", async () => {
      const owner = sqlClient({ ...serverEnv, ...admin }[`${name.toUpperCase()}_ADMIN_URL`] ?? "", "run");
      await owner.run({ tenant: null, timeout: 0, statements: [{ text: "analyze agents.run_state" }] });
      await owner.close();
    });
    it.each([...claims, ...(server ? lists : [])])("%s uses an index", (...one) => check(...one));

    async function check(...[_, who, statement, settings]: Case): Promise<void> {
      for (const mode of ["force_custom_plan", "force_generic_plan"]) {
        if (settings.plan_cache_mode && settings.plan_cache_mode !== mode) continue;
        const plan = await explain(clients[who], who === "app" ? first : null, statement, {
          ...settings,
          plan_cache_mode: mode,
        });
        expect(plan).not.toContain("Seq Scan");
        expect(plan).toContain("Index");
        // What it read: a claim touches what it takes, a list its page, never all that the tenant has.
        const read = [...plan.matchAll(/actual rows=(\d+)(?:\.\d+)? loops=(\d+)/g)].map(
          ([, rows, loops]) => Number(rows) * Number(loops),
        );
        expect(Math.max(...read), plan).toBeLessThan(rows / 20);
      }
    }
  });
}

/** The plan of a statement as it runs; what it writes is undone. */
async function explain(
  client: SqlClient,
  who: string | null,
  { text, values = [] }: Statement,
  settings: Record<string, string>,
) {
  const types = values.map((value) =>
    value instanceof Uint8Array ? "text[]" : typeof value === "number" ? "int" : "text",
  );
  const literal = (value: unknown) =>
    value instanceof Uint8Array ? arrayOf(value) : value === null ? "null" : `'${String(value).replaceAll("'", "''")}'`;
  const results = await client.run({
    tenant: who,
    settings,
    statements: [
      { text: `prepare plan_of (${types.join()}) as ${text}` },
      { text: "savepoint before" },
      {
        text: `explain (analyze, costs off, timing off, summary off, buffers off) execute plan_of (${values.map(literal).join()})`,
      },
      { text: "rollback to before" },
      { text: "deallocate plan_of" },
    ],
  });
  return (results[2] ?? []).map((row) => String(Object.values(row)[0])).join("\n");
}

/** A binary `text[]` as SQL. */
function arrayOf(bytes: Uint8Array): string {
  const view = Buffer.from(bytes);
  const items: string[] = [];
  for (let at = 20; at < view.length; ) {
    const length = view.readInt32BE(at);
    items.push(view.toString("utf8", at + 4, at + 4 + length));
    at += 4 + length;
  }
  return `array['${items.join("', '")}']`;
}
