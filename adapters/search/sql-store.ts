import type { SqlClient, Statement, Work } from "../clients/sql.ts";
import { type AccountClient, asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import { batches } from "./batches.ts";
import type { SearchAdapter, SearchCapabilities, SearchEntry, SearchStore } from "./contract.ts";
import { sqlFleet, sqlHealth } from "./sql-fleet.ts";
import { byKey, deleteStatements, everything, indexStatements, removeRunStatements } from "./sql-index.ts";
import { SqlReader } from "./sql-reader.ts";
import { Sizes } from "./sql-sizes.ts";
import { checkId } from "./validate.ts";

export interface SqlSearchOptions {
  can: SearchCapabilities;
  why: SearchStore["why"];
}

/** The `search` role over SQL, for any client that runs it. Closes the client when it is closed. */
export function sqlSearchAdapter(client: SqlClient, { can, why }: SqlSearchOptions): SearchAdapter {
  const account = asAccount(client, "app", "agents.search_documents");
  const sizes = new Sizes(account);
  return {
    tenant(tenant, part) {
      const reader = new SqlReader(account, sizes, checkTenant(tenant), part);
      const run = (statements: Statement[]) => account.run(write(tenant, statements));
      const remove = async (by: "entry_id" | "document_id", id: string) => {
        const rows = await run(deleteStatements(tenant, by, id));
        return { deleted: Number(rows.at(-1)?.[0]?.n) };
      };
      return {
        can,
        why,
        index: (entries) => sqlIndex(account, tenant, entries),
        query: (query) => reader.query(query),
        delete: async (id) => remove("entry_id", checkId(id, "The id")),
        deleteByDocument: async (document) => remove("document_id", checkId(document, "The document id")),
        count: (filter) => reader.count(filter),
      };
    },
    async removeRun(tenant, run) {
      const work = { ...write(checkTenant(tenant), removeRunStatements(tenant, run)), timeout: 0 };
      return { entries: Number((await account.run(work)).at(-2)?.[0]?.n) };
    },
    fleet: sqlFleet(client),
    health: () => sqlHealth(client),
    close: () => client.close(),
  };
}

const write = (tenant: string, statements: Statement[]): Work => ({
  tenant,
  settings: { ...byKey, ...everything(tenant) },
  statements,
});

/** Writes entries in batches; the server works on the batch before while the next one is encoded. */
export async function sqlIndex(
  client: AccountClient,
  tenant: string,
  entries: Iterable<SearchEntry> | AsyncIterable<SearchEntry>,
): Promise<{ written: number }> {
  let written = 0;
  let sending: Promise<unknown> = Promise.resolve();
  try {
    for await (const batch of batches(entries)) {
      const statements = indexStatements(tenant, batch);
      await sending;
      sending = client.run({ ...write(tenant, statements), repeatable: true });
      sending.catch(() => {}); // awaited above or below; a source that throws first must not leave it unheard
      written += batch.length;
    }
  } finally {
    await sending;
  }
  return { written };
}
