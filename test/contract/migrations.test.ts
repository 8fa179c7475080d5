import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { SqlClient } from "../../adapters/clients/sql.ts";
import { appliedMigrations, ensureGrants, migrate } from "../../adapters/prepare/database.ts";
import { migrateProducts, pendingMigrations } from "../../adapters/prepare/index.ts";
import { type Migration, migrations } from "../../adapters/prepare/migrations.ts";
import { root } from "../../stacks/place.ts";
import { schemaText } from "../adapters/schema-text.ts";
import { refused } from "./expectations.ts";
import { type Fresh, type Place, pglitePlace, postgresPlaces } from "./migration-databases.ts";
import { fill, rows, tables } from "./migration-rows.ts";
import { thorough } from "./thorough.ts";

const expected = readFileSync(join(root, "sql", "schema.sql"), "utf8");
const all = migrations();
const accounts = { owner: "agent_owner", fleet: "agent_fleet", app: "agent_core" };
/** Beside a server all that are worth it; without one, where tests are to be quick, a few. */
const [KILLS, EACH] = thorough ? [10, 1] : [2, 4];

for (const place of [await pglitePlace(), ...(await postgresPlaces())])
  describe(`migrations on ${place.name}`, () => suite(place));

function suite(place: Place): void {
  afterAll(() => place.close());
  const opened: (() => Promise<void>)[] = [];
  /** A fresh database with connections to it, until the test ends. */
  async function open(): Promise<Fresh & { admin: SqlClient; owner: SqlClient }> {
    const fresh = await place.fresh();
    const [admin, owner] = [fresh.client("ADMIN"), fresh.client("OWNER")];
    opened.push(async () => {
      await Promise.all([admin.close(), owner.close()]);
      await fresh.remove();
    });
    return { ...fresh, admin, owner };
  }
  const test = (name: string, body: () => Promise<void>) =>
    it(name, { timeout: 300_000 }, async () => {
      try {
        await body();
      } finally {
        for (const close of opened.splice(0)) await close();
      }
    });
  const next = (sql: string): Migration[] => [...all, { name: "9999_next", sql, checksum: sql }];
  const names = (steps: readonly Migration[]) => steps.map(({ name }) => name);

  test("lead from nothing to sql/schema.sql, once", async () => {
    const { env, admin } = await open();
    expect((await pendingMigrations(env))[0]?.pending).toEqual(names(all));
    expect(await schemaText(admin)).not.toContain("create table"); // asking writes nothing
    const ownersAlone = Object.fromEntries(Object.entries(env).filter(([name]) => name.endsWith("_OWNER_URL")));
    expect((await migrateProducts(ownersAlone))[0]?.applied).toEqual(names(all));
    expect(await schemaText(admin)).toBe(expected);
    for (const variables of [env, ownersAlone]) {
      expect((await migrateProducts(variables))[0]?.applied).toEqual([]);
      expect((await pendingMigrations(variables))[0]?.pending).toEqual([]);
    }
    expect(await schemaText(admin)).toBe(expected);
  });

  test("lead there from every earlier version, and rows survive", async () => {
    for (let version = 1; version < all.length; version += EACH) {
      const { env, admin, owner } = await open();
      expect(await migrate(owner, all.slice(0, version))).toHaveLength(version);
      const { kept, refused } = await fill(admin);
      const filled = kept.size / (kept.size + refused.length);
      expect(filled, `no row could be made for ${refused}`).toBeGreaterThan(0.5);
      expect((await migrateProducts(env))[0]?.applied).toEqual(names(all.slice(version)));
      const after = await rows(admin);
      for (const [table, row] of kept) {
        const now = after.get(table) ?? {};
        const same = Object.fromEntries(
          Object.keys(row).map((column) => [column, column in now ? now[column] : row[column]]),
        );
        expect(now, `${table} is empty`).not.toEqual({});
        expect(same, table).toEqual(row);
      }
      await admin.run({ tenant: null, statements: [{ text: DROP_PARTS }] });
      expect(await schemaText(admin), `from ${all[version - 1]?.name}`).toBe(expected);
      for (const close of opened.splice(0)) await close();
    }
  });

  test("are applied once by twenty at the same time", async () => {
    const { env, admin } = await open();
    const reports = await Promise.all(Array.from({ length: 20 }, () => migrateProducts(env)));
    expect(reports.flatMap(([one]) => one?.applied ?? [])).toEqual(names(all));
    expect(await schemaText(admin)).toBe(expected);
  });

  test("leave nothing when one fails half-way, at the end of all or on its own", async () => {
    const { admin, owner } = await open();
    const broken = next("create table agents.next (a int); insert into agents.next values (1); select 1 / 0");
    const before = await schemaText(admin);
    await expect(migrate(owner, broken)).rejects.toMatchObject(refused("failed"));
    expect(await appliedMigrations(owner)).toEqual([]);
    expect(await tables(admin)).toEqual([]);
    await migrate(owner);
    await ensureGrants(owner, accounts);
    await expect(migrate(owner, broken)).rejects.toMatchObject(refused("failed"));
    expect(await schemaText(admin)).toBe(expected);
    expect(await appliedMigrations(owner)).toHaveLength(all.length);
    expect(before).not.toContain("agents.");
  });

  test(`survive ${KILLS} SIGKILLs of the process that applies them`, async () => {
    let now = await place.fresh();
    let kills = 0;
    let length = 0;
    for (let tries = 0; kills < KILLS && tries < 5 * KILLS; tries++) {
      // At a random moment of what the whole took, once that is known.
      const ran = await migrator(now, length === 0 ? undefined : Math.random() * length);
      expect([0, all.length], "all or nothing").toContain(ran.had);
      length ||= ran.milliseconds;
      if (ran.killed) kills++;
      if (ran.had === 0 && ran.killed) continue; // the next one finds what this one left
      await now.remove();
      now = await place.fresh();
    }
    expect(kills).toBe(KILLS);
    const [admin, owner] = [now.client("ADMIN"), now.client("OWNER")];
    opened.push(() => Promise.all([admin.close(), owner.close()]).then(() => now.remove()));
    await migrateProducts(now.env);
    expect(await schemaText(admin)).toBe(expected);
    expect(await appliedMigrations(owner)).toHaveLength(all.length);
  });

  if (!place.sessions) return;

  test("give way to those who use a table, come again, and name them when they stay", async () => {
    const { env, client, owner, admin } = await open();
    await migrateProducts(env);
    const reader = client("OWNER");
    const holder = client("OWNER");
    opened.push(() => Promise.all([reader.close(), holder.close()]).then(() => {}));
    const held = (seconds: number) =>
      holder.run({
        tenant: null,
        timeout: 0,
        statements: [
          { text: "lock table agents.documents in access share mode" },
          { text: `select pg_sleep(${seconds})` },
        ],
      });
    const step = next("alter table agents.documents add column next int");
    const patience = { lock: 200, tries: 3, pause: 50 };

    const staying = held(4);
    await sleep(200);
    const refusing = migrate(owner, step, patience);
    refusing.catch(() => {});
    // Whoever reads meanwhile waits behind the migration for no longer than it waits itself.
    const started = performance.now();
    for (let n = 0; n < 10; n++)
      await reader.run({ tenant: null, statements: [{ text: "select from agents.documents" }] });
    expect(performance.now() - started).toBeLessThan(2_500);
    await expect(refusing).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/9999_next.*: \d+\./),
    });
    expect(await schemaText(admin)).toBe(expected);
    await staying;

    const leaving = held(1.5);
    await sleep(200);
    expect(await migrate(owner, step, { ...patience, tries: 100 })).toEqual(["9999_next"]);
    await leaving;
  });
}

const DROP_PARTS = `do $$ declare part regclass; begin
  for part in select c.oid from pg_class c where c.relispartition and c.relname ~ '^chunk_vectors_[0-9a-f]{16}$' loop
    execute format('drop table %s', part);
  end loop;
end $$`;

/** Runs a process that migrates; kills it so many milliseconds after it began. How many migrations it found, and whether it was killed before it was done. */
async function migrator(
  { env }: Fresh,
  killAfter?: number,
): Promise<{ had: number; killed: boolean; milliseconds: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "migrator.ts"), JSON.stringify(env)], {
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  let said = "";
  let began = 0;
  let ended = 0;
  child.stderr.on("data", (part) => (said += part));
  child.stdout.on("data", (part) => {
    said += part;
    if (!began && said.includes("begin")) {
      began = performance.now();
      if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
    }
    if (!ended && said.includes("end\n")) ended = performance.now();
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  expect(code === 0 || code === null, said).toBe(true);
  return { had: Number(/begin (\d+)/.exec(said)?.[1]), killed: ended === 0, milliseconds: ended - began };
}
