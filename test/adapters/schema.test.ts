import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgliteClient } from "../../adapters/clients/pglite.ts";
import type { Row, SqlClient } from "../../adapters/clients/sql.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "./pglite-fixture.ts";
import { schemaText } from "./schema-text.ts";

describe("the schema", () => {
  const at = pgliteFolder();
  let admin: SqlClient;
  let app: SqlClient;
  let fleet: SqlClient;
  beforeAll(async () => {
    await prepare(at.admin);
    admin = pgliteClient(at.url("postgres"));
    app = pgliteClient(at.url("agent_core"));
    fleet = pgliteClient(at.url("agent_fleet"));
  });
  afterAll(async () => {
    await Promise.all([admin.close(), app.close(), fleet.close()]);
    at.remove();
  });
  const as = async (client: SqlClient, tenant: string | null, ...texts: string[]): Promise<Row[]> =>
    (await client.run({ tenant, statements: texts.map((text) => ({ text })) })).at(-1) ?? [];

  it("is what sql/schema.sql says", async () => {
    await expect(await schemaText(admin)).toMatchFileSnapshot("../../sql/schema.sql");
  });

  it("forces policies on every table, puts the tenant first in every key, and fixes the search path of owner functions", async () => {
    await as(app, "acme", "select agents.ensure_space('p', 'm', 3, true)");
    await as(fleet, null, "select events.ensure_partition('2020-02-29Z')");
    const tables = await as(
      admin,
      null,
      `select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
         exists (select from pg_policy p where p.polrelid = c.oid) as policy,
         (select bool_and(a.attname = 'tenant_id') from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
            join pg_class k on k.oid = i.indexrelid join pg_am m on m.oid = k.relam and m.amname = 'btree'
          where i.indrelid = c.oid) as first
       from pg_class c where c.relnamespace in ('agents'::regnamespace, 'events'::regnamespace) and c.relkind in ('r', 'p')`,
    );
    expect(tables.length).toBeGreaterThanOrEqual(14);
    expect(tables.map(({ name }) => name)).toContain("events.events_2020_02");
    for (const table of tables) expect(table).toEqual({ name: table.name, forced: true, policy: true, first: true });
    const loose = await as(
      admin,
      null,
      `select proname from pg_proc where pronamespace in ('agents'::regnamespace, 'events'::regnamespace)
         and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)`,
    );
    expect(loose).toEqual([]);
  });

  it("shows nothing to a statement without a tenant, and refuses rows of another", async () => {
    const insert = (tenant: string) =>
      `insert into agents.documents (tenant_id, document_id) values ('${tenant}', 'd')`;
    await as(app, "acme", insert("acme"), "select agents.ensure_space('p', 'm', 3, true)");
    const space = (await as(app, "acme", "select space_id as id from agents.spaces"))[0]?.id;
    const vector = `insert into agents.chunk_vectors_${space} values ('acme', '${space}', 'c', '[1,2,3]', '{}')`;
    await as(app, "acme", vector);
    expect(await as(app, "acme", "select document_id from agents.documents")).toHaveLength(1);
    for (const tenant of [null, "other"]) {
      for (const table of ["documents", "spaces", "chunk_vectors", `chunk_vectors_${space}`]) {
        expect(await as(app, tenant, `select * from agents.${table}`)).toEqual([]);
      }
      await expect(as(app, tenant, insert("acme"))).rejects.toMatchObject({ code: "denied" });
      await expect(as(app, tenant, vector.replace("'c'", "'e'"))).rejects.toMatchObject({ code: "denied" });
    }
    await expect(as(app, null, "select agents.ensure_space('p', 'm', 3, true)")).rejects.toMatchObject({
      code: "denied",
    });
    expect(await as(fleet, null, "select * from agents.documents")).toHaveLength(1);
  });

  it("lets neither account change the schema or the audit", async () => {
    for (const client of [app, fleet]) {
      await expect(as(client, "acme", "create table agents.mine (a int)")).rejects.toMatchObject({ code: "denied" });
      await expect(as(client, "acme", "drop table agents.chunks")).rejects.toMatchObject({ code: "denied" });
      await expect(as(client, "acme", "alter table agents.chunks disable row level security")).rejects.toMatchObject({
        code: "denied",
      });
      await expect(as(client, "acme", "update agents.audit set action = ''")).rejects.toMatchObject({ code: "denied" });
      await expect(as(client, "acme", "delete from agents.audit")).rejects.toMatchObject({ code: "denied" });
    }
  });

  it("lets the application neither change events nor make or drop partitions, and shows it none of another tenant", async () => {
    await as(app, "acme", `select events.append('s', null, '{a}', '{1}', '{null}')`);
    for (const tenant of [null, "other"])
      for (const table of ["streams", "events", "consumers", "deliveries"])
        expect(await as(app, tenant, `select * from events.${table}`)).toEqual([]);
    const refused = [
      "update events.events set data = '2'",
      "select events.ensure_partition('2001-01-01Z')",
      "select events.drop_months(now())",
      "drop table events.events_2020_02",
      "create table events.mine (a int)",
      `insert into events.streams values ('other', 's', 1, now())`,
    ];
    for (const text of refused) await expect(as(app, "acme", text), text).rejects.toMatchObject({ code: "denied" });
    await expect(as(app, null, `select events.append('s', null, '{a}', '{1}', '{null}')`)).rejects.toThrow();
    await expect(as(fleet, null, "update events.events set data = '2'")).rejects.toMatchObject({ code: "denied" });
    expect(await as(app, "acme", "select version from events.events")).toEqual([{ version: 1 }]);
    expect(await as(fleet, null, "select events.drop_months('2020-04-01Z') as n")).toEqual([{ n: 1 }]);
  });

  it("chains the audit, and says where it was changed", async () => {
    const add = (action: string) =>
      `insert into agents.audit (tenant_id, action, detail) values ('acme', '${action}', '{"a": 1}')`;
    await as(app, "acme", add("one"), add("two"), add("three"));
    const broken = async () => (await as(app, "acme", "select agents.audit_broken('acme')::int as seq"))[0]?.seq;
    expect(await as(app, "acme", "select seq, action from agents.audit order by seq")).toEqual([
      { seq: 1, action: "one" },
      { seq: 2, action: "two" },
      { seq: 3, action: "three" },
    ]);
    expect(await broken()).toBeNull();
    const tamper = (change: string) =>
      as(
        admin,
        null,
        "alter table agents.audit disable trigger audit_fixed",
        change,
        "alter table agents.audit enable trigger audit_fixed",
      );
    await tamper(`update agents.audit set detail = '{"a": 2}' where seq = 2`);
    expect(await broken()).toBe(2);
    await tamper(`update agents.audit a set hash = agents.audit_hash(a) where seq = 2`);
    expect(await broken()).toBe(3); // the next one remembers
    await tamper("delete from agents.audit where seq = 2");
    expect(await broken()).toBe(3);
  });
});
