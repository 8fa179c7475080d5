import { afterAll, describe, expect, it } from "vitest";
import { pgliteClient } from "../../adapters/clients/pglite.ts";
import { openStores } from "../../adapters/index.ts";
import { migrate } from "../../adapters/prepare/database.ts";
import { type PrepareReport, pendingMigrations, prepare } from "../../adapters/prepare/index.ts";
import { type Migration, migrations, pending } from "../../adapters/prepare/migrations.ts";
import { pgliteFolder } from "./pglite-fixture.ts";

describe("prepare", () => {
  const at = pgliteFolder();
  afterAll(() => at.remove());

  it("refuses to serve, migrate or list a folder without a database", async () => {
    const stores = openStores({ VECTOR_URL: at.url() });
    await expect(stores.tenant("acme").vector.count()).rejects.toMatchObject({
      code: "unprepared",
      mend: expect.stringContaining("npm run up"),
    });
    await expect(pendingMigrations(at.admin)).rejects.toMatchObject({ code: "unprepared" });
    await stores.close();
  });

  it("prepares once, then has nothing to do", async () => {
    const [[first], [other]] = (await Promise.all([prepare(at.admin), prepare(at.admin)])) as [
      PrepareReport[],
      PrepareReport[],
    ];
    expect(other?.applied).toEqual([]);
    expect(first).toMatchObject({
      product: "pglite",
      roles: ["agent_owner", "agent_fleet", "agent_core"],
      migrations: migrations().length,
    });
    const held = pgliteClient(at.url()); // keeps the engine open, as an application does
    await held.vectorOid();
    const [second] = await prepare(at.admin);
    expect(second).toMatchObject({ applied: [] });
    expect(second?.seconds).toBeLessThan(0.5);
    expect(await pendingMigrations(at.admin)).toEqual([{ product: "pglite", pending: [] }]);
    await held.close();
  });

  it("applies new migrations all or nothing, once for two at the same time, and refuses a changed past", async () => {
    const owner = pgliteClient(at.url("agent_owner"));
    const next = (sql: string): Migration[] => [...migrations(), { name: "9001_next", sql, checksum: sql }];
    const table = async () =>
      (await owner.run({ tenant: null, statements: [{ text: "select to_regclass('agents.next') as name" }] }))[0]?.[0]
        ?.name;
    await expect(migrate(owner, next("create table agents.next (a int); select 1/0"))).rejects.toMatchObject({
      code: "failed",
    });
    expect(await table()).toBeNull();
    const both = await Promise.all([1, 2].map(() => migrate(owner, next("create table agents.next (a int)"))));
    expect(both.flat()).toEqual(["9001_next"]);
    expect(await table()).toBe("agents.next");
    await expect(pendingMigrations(at.admin)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("9001_next"),
    });
    await expect(migrate(owner, next("create table agents.other (a int)"))).rejects.toMatchObject({ code: "conflict" });
    await owner.close();
  });

  it("names what is missing among the variables", async () => {
    await expect(prepare({ PGLITE_ADMIN_URL: at.url("postgres") })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("PGLITE_OWNER_URL"),
    });
    expect(await prepare({})).toEqual([]);
  });
});

describe("pending migrations", () => {
  const known: Migration[] = ["0001_a", "0002_b", "0003_c"].map((name) => ({ name, sql: "", checksum: name }));
  const had = (...names: string[]) => names.map((name) => ({ name, checksum: name }));

  it("are those after the last one", () => {
    expect(pending([], known).map((m) => m.name)).toEqual(["0001_a", "0002_b", "0003_c"]);
    expect(pending(had("0001_a", "0002_b"), known).map((m) => m.name)).toEqual(["0003_c"]);
    expect(pending(had("0001_a", "0002_b", "0003_c"), known)).toEqual([]);
  });

  it("cannot be told when the past differs", () => {
    expect(() => pending(had("0001_a", "0003_c"), known)).toThrow(/0002_b is missing/);
    expect(() => pending(had("0001_a", "0004_d"), known)).toThrow(/0004_d, which this version lacks/);
    expect(() => pending([{ name: "0001_a", checksum: "x" }], known)).toThrow(/0001_a.sql was changed/);
  });
});
