import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SqlClient } from "../../adapters/clients/sql.ts";
import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import { type Bench, openBench, type UnderTest } from "./bench.ts";

/** What the database itself keeps the application's account from. */
export function policies(under: UnderTest): void {
  describe(`memory's tables on ${under.name}`, () => {
    let bench: Bench;
    let app: SqlClient;
    beforeAll(() => {
      bench = openBench(under);
      app = sqlClient(under.app.MEMORY_URL ?? "", "memory");
    });
    afterAll(async () => {
      await app?.close();
      await bench?.close();
    });
    const rows = async (tenant: string | null, text: string) => (await app.run({ tenant, statements: [{ text }] }))[0];

    it("show a statement without a tenant nothing, and take no row of another", async () => {
      const { memory, tenant } = bench.fresh();
      await memory.put({ key: "k", value: "word" });
      for (const table of ["memory_facts", "memory_words", "memory_events"]) {
        expect((await rows(tenant, `select tenant_id from agents.${table}`))?.length).toBeGreaterThan(0);
        for (const other of [null, "other"])
          expect(await rows(other, `select tenant_id from agents.${table}`)).toEqual([]);
      }
      const insert = `insert into agents.memory_words values ('${tenant}', 'w', gen_random_uuid())`;
      for (const other of [null, "other"]) await expect(rows(other, insert)).rejects.toMatchObject({ code: "denied" });
    });

    it("keep the history from being changed", async () => {
      const { memory, tenant } = bench.fresh();
      await memory.put({ key: "k", value: 1 });
      for (const change of ["update agents.memory_events set actor = 'x'", "delete from agents.memory_events"])
        await expect(rows(tenant, change)).rejects.toMatchObject({ code: "denied" });
      expect(await memory.history("k")).toHaveLength(1);
    });
  });
}
