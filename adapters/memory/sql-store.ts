import { textArray } from "../clients/binary.ts";
import type { Row, SqlClient, Statement, Work } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import { FEW, type MemoryBackend, narrowest, type Written } from "./backend.ts";
import type { MemoryAdapter, MemoryCapabilities } from "./contract.ts";
import { memoryFleet } from "./fleet.ts";
import { sqlFleet } from "./sql-fleet.ts";
import { deleteStatements, putStatements, removeRunStatements } from "./sql-put.ts";
import { byIndex, byKeys, byPlace, changeOf, EVENT, FACT, factOf, THERE } from "./sql-row.ts";
import { countStatement, likeliest, searchStatement, stretchesOf } from "./sql-search.ts";
import { memoryStore } from "./store.ts";

/** The `memory` role over SQL, for any client that runs it. Closes the client when it is closed. */
export function sqlMemoryAdapter(
  client: SqlClient,
  can: MemoryCapabilities,
  why: Partial<Record<keyof MemoryCapabilities, string>>,
): MemoryAdapter {
  const account = asAccount(client, "app", "agents.memory_facts");
  const backend = (tenant: string) => {
    const id = checkTenant(tenant);
    return sqlBackend(id, (work) => account.run({ ...work, tenant: id }));
  };
  const over = (backend: MemoryBackend) => memoryStore(backend, can, why);
  return {
    tenant: (tenant) => over(backend(tenant)),
    backend,
    over,
    fleet: memoryFleet(sqlFleet(asAccount(client, "fleet", "agents.memory_facts"))),
    health: () => sqlHealth(client),
    close: () => client.close(),
  };
}

/** One tenant's rows. */
export function sqlBackend(tenant: string, run: (work: Omit<Work, "tenant">) => Promise<Row[][]>): MemoryBackend {
  const read = async (text: string, values: Statement["values"]) => {
    const [rows = []] = await run({ repeatable: true, settings: byIndex, statements: [{ text, values }] });
    return rows;
  };
  return {
    async put(facts, actor, expected) {
      const results = await run({ settings: byPlace, statements: putStatements(tenant, facts, actor, expected) });
      const rows = results.at(-1) as unknown as Written[];
      return rows.length === facts.length ? rows : undefined;
    },
    async get(keys) {
      const text = `select ${FACT} from ${byKeys("unnest($1::text[]) n (key)", "f.*")} where ${THERE}`;
      return (await read(text, [textArray(keys)])).map(factOf);
    },
    async delete(which, actor, part) {
      const results = await run({ settings: byPlace, statements: deleteStatements(tenant, which, actor, part) });
      return Number(results.at(-1)?.[0]?.n) > 0;
    },
    async search(search) {
      const ask = async (...statements: Statement[]) => run({ repeatable: true, settings: byIndex, statements });
      const stretches = stretchesOf(search);
      const guess = likeliest(stretches);
      // All in one round trip: the answer from where it is probably shortest, and how many facts each stretch has.
      const results = await ask(searchStatement(search, guess), ...stretches.map(countStatement));
      const [rows = [], ...counted] = results;
      const counts = counted.map((one) => Number(one[0]?.n));
      if (!guess || (counts[stretches.indexOf(guess)] as number) < FEW) return rows.map(factOf);
      const [found = []] = await ask(searchStatement(search, narrowest(stretches, counts)));
      return found.map(factOf);
    },
    async history(key, limit, before = Number.MAX_SAFE_INTEGER) {
      const text = `select ${EVENT} from agents.memory_events f where f.key = $1 and f.seq < $2 order by f.seq desc limit $3`;
      return (await read(text, [key, before, limit])).map(changeOf);
    },
    async removeRun(name) {
      const [, ...counts] = await run({ settings: byPlace, timeout: 0, statements: removeRunStatements(tenant, name) });
      const [open = 0, ended = 0, changes = 0] = counts.map((one) => Number(one[0]?.n));
      return { facts: open + ended, changes };
    },
  };
}

/** What the server is, after a look at whether it has the schema. Throws `StoreError`. */
async function sqlHealth(client: SqlClient): Promise<string> {
  const text = "select current_setting('server_version') as server, 'agents.memory_facts'::regclass::text as schema";
  const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
  return `PostgreSQL ${String(rows?.[0]?.server).split(" ")[0]}`;
}
