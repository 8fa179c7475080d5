import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Row, SqlClient, Work } from "../../adapters/clients/sql.ts";
import { asAccount } from "../../adapters/clients/sql-account.ts";
import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import type { MemoryAdapter, MemorySearch, MemoryStore } from "../../adapters/index.ts";
import type { MemoryBackend } from "../../adapters/memory/backend.ts";
import runs from "../../adapters/memory/for-run.ts";
import { sqlFleet } from "../../adapters/memory/sql-fleet.ts";
import { sqlBackend } from "../../adapters/memory/sql-store.ts";
import { memoryStore } from "../../adapters/memory/store.ts";
import { serverEnv } from "../contract/servers.ts";
import { storesUnderTest } from "../contract/under-test.ts";

// How the planner answers every statement of the role, as the account that applications use, under its policy: through an index that takes it to the rows.

/** On a server as many as a large tenant has; in process fewer, which is enough to see the paths. */
const ROWS = { postgres: 100_000, pglite: 5_000 } as const;
const tenant = `plans-${process.pid}`;

/** Facts as puts would leave them: every one has the words `common` and `fact`, one in `rows` of them a word of its own. */
const load = (rows: number, of: string) => [
  `insert into agents.memory_facts (tenant_id, fact_id, key, agent_id, kind, value_json, source, confidence, expires_at, version, created_at, updated_at, deleted_at)
    select '${of}', md5('${of}' || n)::uuid, 'user/' || n, 'agent ' || n % 100, 'kind ' || n % 50, to_jsonb('common word' || n), 'source ' || n % 1000, n % 10 / 10.0,
      case when n % 20 = 0 then now() + interval '1 day' end, 1, now(), now() - n * interval '1 millisecond', case when n % 25 = 7 then now() end
    from generate_series(1, ${rows}) n`,
  `insert into agents.memory_words (tenant_id, word, fact_id) select f.tenant_id, w, f.fact_id from agents.memory_facts f,
      unnest(array['common', 'user', 'fact', 'word' || substr(f.key, 6), 'group' || substr(f.key, 6)::int % 300]) w where f.tenant_id = '${of}' and f.deleted_at is null`,
  `insert into agents.memory_events (tenant_id, key, seq, at, action, fact_id, kind, value_json, version, created_at)
    select tenant_id, key, 1, updated_at, 'put', fact_id, kind, value_json, 1, created_at from agents.memory_facts where tenant_id = '${of}'`,
];

/** What of a plan would take longer the more the tenant has: a scan of a table, or of an index by its tenant alone or by a column that is not its next. */
function faults(plan: string): string[] {
  const lines = plan.split("\n").filter((line) => !line.includes("Disabled: true"));
  return lines.flatMap((line, at) => {
    if (/(Seq|Bitmap Heap) Scan on memory_/.test(line)) return [line];
    const index = /Index (?:Only )?Scan (?:Backward )?using (memory_\w+)/.exec(line)?.[1];
    if (!index) return [];
    const condition = lines[at + 1] ?? "";
    const next = NEXT[index];
    return !next || new RegExp(`\\b${next}\\b`).test(condition) ? [] : [`${line}\n${condition}`];
  });
}

/** The column after the tenant. One that goes through the newest facts stops when it has enough of them. */
const NEXT: Record<string, string> = {
  memory_facts_pkey: "fact_id",
  memory_facts_key: "key",
  memory_facts_deleted: "key",
  memory_facts_kind: "kind",
  memory_facts_agent: "agent_id",
  memory_facts_source: "source",
  memory_facts_ended: "COALESCE",
  memory_words_pkey: "word",
  memory_words_fact: "fact_id",
  memory_events_pkey: "key",
};

for (const under of await storesUnderTest("memory")) {
  const url = under.app.MEMORY_URL ?? "";
  if (!/^(postgres|pglite):/.test(url)) continue;
  describe(`plans of memory on ${under.name}`, () => {
    const tenants = [tenant, ...Array.from({ length: 5 }, (_, n) => `${tenant}-${n}`)];
    const app = sqlClient(url, "memory");
    const fleet = sqlClient(under.admin.MEMORY_URL ?? "", "memory");
    beforeAll(async () => {
      for (const one of tenants)
        for (const text of load(one === tenant ? ROWS[app.protocol] : 50, one))
          await fleet.run({ tenant: null, timeout: 0, statements: [{ text }] });
    }, 120_000);
    afterAll(async () => {
      const { deleteTenant } = sqlFleet(asAccount(fleet, "fleet", "agents.memory_facts"));
      for (const one of tenants) await deleteTenant(one);
      await Promise.all([app.close(), fleet.close()]);
    }, 120_000);

    type Run = (work: Work) => Promise<Row[][]>;
    /** The plans of whatever calls run, with their values and without; none may have a fault. */
    async function plans(client: SqlClient, calls: (run: Run) => Promise<unknown>): Promise<string> {
      const seen: string[] = [];
      await calls(async (work) => {
        for (const { text, values = [] } of work.statements)
          for (const explain of [
            { text: `explain (costs off) ${text}`, values },
            { text: `explain (costs off, generic_plan) ${text}` },
          ]) {
            const [rows = []] = await client.run({ ...work, statements: [explain] });
            const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
            expect(faults(plan), `${text}\n${plan}`).toEqual([]);
            seen.push(plan);
          }
        return client.run(work);
      });
      return seen.join("\n\n");
    }
    const calling = (call: (memory: MemoryStore) => Promise<unknown>) =>
      plans(app, (run) => {
        const backend = sqlBackend(tenant, (work) => run({ ...work, tenant }));
        return call(memoryStore(backend, { durable: true, shared: true }, {}));
      });

    const searches: [name: string, search: MemorySearch, plan: RegExp][] = [
      ["all", {}, /Scan Backward using memory_facts_newest/],
      ["a page further on", { limit: 5 }, /memory_facts_newest[^\n]*\n *Index Cond: .*ROW\(updated_at, fact_id\) </],
      [
        "a rare word",
        { text: "word4711 common" },
        /using memory_words_pkey[^\n]*\n *Index Cond: .*word >= 'word4711'::text\) AND \(word <= 'word4711'/,
      ],
      ["a rare beginning", { text: "word123" }, /using memory_words_pkey[^\n]*\n *Index Cond: .*word >= .*word < /],
      ["a common word", { text: "common " }, /using memory_facts_newest/],
      ["common words", { text: "common fact user" }, /using memory_facts_newest/],
      ["a group", { text: "group7" }, /using memory_words_pkey/],
      ["a kind", { kind: "kind 7" }, /Scan Backward using memory_facts_kind/],
      ["an agent", { agent: "agent 7" }, /Scan Backward using memory_facts_agent/],
      ["a source", { source: "source 7", minConfidence: 0.2 }, /Scan Backward using memory_facts_source/],
      ["a narrow prefix", { prefix: "user/471" }, /using memory_facts_key[^\n]*\n *Index Cond: .*key >= .*key < /],
      ["a wide prefix", { prefix: "user/" }, /using memory_facts_(newest|key)/],
      ["a confidence", { minConfidence: 0.9 }, /using memory_facts_newest/],
    ];
    for (const statistics of ["no statistics", "statistics"])
      describe(`with ${statistics}`, () => {
        beforeAll(async () => {
          const name = `${under.name.toUpperCase()}_OWNER_URL`;
          const owner = sqlClient({ ...serverEnv, ...under.admin }[name] ?? "", "memory");
          const text = "analyze agents.memory_facts, agents.memory_words, agents.memory_events";
          if (statistics === "statistics") await owner.run({ tenant: null, timeout: 0, statements: [{ text }] });
          await owner.close();
        });

        it.each(searches)("takes an index to the rows of %s", async (_, search, plan) => {
          const seen = await calling(async (memory) => {
            const { next } = await memory.search(search);
            await memory.search({ ...search, after: next });
          });
          expect(seen).toMatch(plan);
        });

        it("takes an index to the rows of a run, and to those beside it", async () => {
          await plans(app, async (run) => {
            const backend = () => sqlBackend(tenant, (work) => run({ ...work, tenant }));
            const over = (of: MemoryBackend) => memoryStore(of, { durable: true, shared: true }, {});
            const adapter = { backend, over } as Partial<MemoryAdapter> as MemoryAdapter;
            const { store, cleanUp } = runs.ofRun(adapter, tenant, "1");
            for (const memory of [runs.atLarge(adapter, tenant), store]) {
              await memory.putMany(Array.from({ length: 30 }, (_, n) => ({ key: `new/${n}`, value: "words" })));
              await memory.delete({ id: (await memory.get("new/6"))?.id ?? "" });
              for (const search of [{}, { kind: "fact" }, { text: "words" }, { prefix: "new/1" }])
                expect((await memory.search({ ...search, limit: 5 })).facts).toHaveLength(5);
            }
            expect(await cleanUp()).toEqual({ facts: 30, changes: 31 });
          });
        });

        it("takes an index to the rows of every other call", async () => {
          const many = Array.from({ length: 50 }, (_, n) => ({ key: `new/${n}`, value: "words" }));
          await calling(async (memory) => {
            await memory.get("user/4");
            await memory.getMany(many.map(({ key }) => key));
            await memory.put(
              { key: "user/4", value: "other words" },
              { expectedVersion: (await memory.get("user/4"))?.version },
            );
            await memory.putMany(many.map((one) => ({ ...one, expiresAt: new Date(1) })));
            await memory.putMany(many);
            await memory.delete({ key: "new/5" });
            await memory.delete({ id: (await memory.get("new/6"))?.id ?? "" });
            await memory.history("user/4", { before: 9 });
          });
          await plans(fleet, async (run) => {
            const acts = sqlFleet({ run, check: async () => {} });
            const [change] = await acts.changes(tenant, undefined);
            const [fact] = await acts.facts(tenant, undefined);
            await acts.changes(tenant, change);
            await acts.facts(tenant, fact);
            await acts.writeChanges(tenant, change ? [change] : []);
            await acts.writeFacts(tenant, fact ? [fact] : []);
            await acts.clear(tenant, ["user/9", "none"]);
            await acts.purge(tenant, 3_600_000);
          });
        });
      });
  });
}
