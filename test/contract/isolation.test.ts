import { afterAll, describe, expect, it } from "vitest";
import { isSql, sqlClient } from "../../adapters/clients/sql-shared.ts";
import type { RoleStores, TenantStores } from "../../adapters/index.ts";
import { type Bench, openBench } from "./bench.ts";
import { actsOf, ROLES } from "./isolation-acts.ts";
import { type OpenRole, variableOf } from "./servers.ts";
import { thorough } from "./thorough.ts";
import { storesUnderTest } from "./under-test.ts";
import { random } from "./vector-fixture.ts";

// Many tenants, and a run of each, at work at once under the same names: no read ever returns what another wrote.

const TENANTS = 20;
const OPERATIONS = thorough ? 10_000 : 1_000;

for (const role of ROLES) for (const under of await storesUnderTest(role)) isolation(role, under);

function isolation(role: OpenRole, under: Parameters<typeof openBench>[0]): void {
  // Servers that write each artifact to a disk take minutes on a busy machine.
  describe(`isolation of the ${role} role on ${under.name}`, { timeout: 600_000 }, () => {
    const bench = openBench(under);
    afterAll(() => bench.close(), 60_000);

    it(`shows ${TENANTS} tenants nothing of each other in ${OPERATIONS} operations`, async () => {
      const tenants = Array.from({ length: TENANTS }, () => bench.fresh());
      const done = await Promise.all(tenants.map((stores, seed) => work(role, stores, seed + 1)));
      expect(done.flatMap(({ foreign }) => foreign)).toEqual([]);
      expect(done.reduce((sum, { operations }) => sum + operations, 0)).toBe(OPERATIONS);
      // Reads that found nothing would prove nothing.
      expect(done.reduce((sum, { read }) => sum + read, 0)).toBeGreaterThan(OPERATIONS / 8);
      const url = under.app[variableOf(role)] ?? "";
      if (isSql(url)) await expectClosed(bench, url, tenants[0] as TenantStores);
    });
  });
}

/** A tenant's share of the operations, a third of them in a run. */
async function work(role: OpenRole, stores: TenantStores, seed: number) {
  const next = random(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
  const run = stores.forRun("r");
  const owners: readonly (readonly [RoleStores, string])[] = [
    [stores, stores.tenant],
    [stores, stores.tenant],
    [run, `run of ${stores.tenant}`],
  ];
  const foreign: unknown[] = [];
  let read = 0;
  let operations = 0;
  for (; operations < OPERATIONS / TENANTS; operations++) {
    const [store, owner] = pick(owners);
    const seen = await pick(actsOf(role))(store, owner, Math.floor(next() * 1_000));
    const found = seen.filter((one) => one !== undefined);
    read += found.length;
    foreign.push(...found.filter((one) => one !== owner).map((one) => ({ owner, saw: one })));
  }
  return { foreign, read, operations };
}

/** The application's account without a tenant, in every table that has one: it sees no row and writes none. */
async function expectClosed({ fleet }: Bench, url: string, { tenant }: TenantStores): Promise<void> {
  expect(await fleet.tenants()).toContain(tenant);
  const client = sqlClient(url, "vector");
  const ask = async (text: string) => (await client.run({ tenant: null, statements: [{ text }] }))[0] ?? [];
  const tables = await ask(
    `select c.oid::regclass::text as name, c.relkind = 'p' as parts from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace in (to_regnamespace('agents'), to_regnamespace('events')) and c.relkind in ('r', 'p') and a.attname = 'tenant_id'
        and has_table_privilege(c.oid, 'select')`,
  );
  expect(tables.length).toBeGreaterThan(7);
  for (const { name, parts } of tables) {
    expect(await ask(`select 1 as row from ${name} limit 1`), String(name)).toEqual([]);
    if (parts) continue; // what is written into it goes to its partitions
    const insert = client.run({
      tenant: null,
      statements: [{ text: `insert into ${name} (tenant_id) values ('${tenant}')` }],
    });
    await expect(insert, String(name)).rejects.toMatchObject({ code: "denied" });
  }
  await client.close();
}
