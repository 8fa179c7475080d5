import type { SqlClient, Statement } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import { exclusiveLock } from "../vector/sql-upsert.ts";
import type { SearchFleet } from "./contract.ts";
import { byTenant, type KeptEntry, toRecord } from "./snapshot.ts";
import { byKey } from "./sql-index.ts";
import { sqlIndex } from "./sql-store.ts";

const TABLES = ["search_documents", "search_lexemes", "search_words"];
/** Entries of a page of an export, and characters after which it ends. */
const PAGE = 1_000;
const PAGE_BYTES = 8 * 1024 * 1024;

/** Acts across tenants, by an account that policies do not bind. */
export function sqlFleet(client: SqlClient): SearchFleet {
  const account = asAccount(client, "fleet", "agents.search_documents");
  return {
    async deleteTenant(tenant) {
      const values = [checkTenant(tenant)];
      const text = (table: string) =>
        `with gone as (delete from agents.${table} where tenant_id = $1 returning 1) select count(*)::float8 as n from gone`;
      const [, entries] = await account.run({
        tenant,
        timeout: 0,
        settings: byKey,
        statements: [exclusiveLock(tenant), ...TABLES.map((table) => ({ text: text(table), values }))],
      });
      return { entries: Number(entries?.[0]?.n ?? 0) };
    },
    async tenants() {
      const text = `select tenant_id as tenant, count(*)::float8 as entries from agents.search_documents group by 1 order by 1`;
      const [rows = []] = await account.run({ tenant: null, repeatable: true, timeout: 0, statements: [{ text }] });
      return rows.map(({ tenant, entries }) => ({ tenant: String(tenant), entries: Number(entries) }));
    },
    async *export({ tenant } = {}) {
      if (tenant !== undefined) checkTenant(tenant);
      let after = { tenant: tenant ?? "", id: "" };
      for (;;) {
        const statements = [page(after, tenant)];
        const [rows = []] = await account.run({
          tenant: null,
          repeatable: true,
          timeout: 0,
          settings: byKey,
          statements,
        });
        for (const { tenant: of, ...entry } of rows) yield toRecord(String(of), entry as unknown as KeptEntry);
        const last = rows.at(-1);
        if (!last) return;
        after = { tenant: String(last.tenant), id: String(last.id) };
      }
    },
    async import(records) {
      let entries = 0;
      for await (const run of byTenant(records, PAGE)) {
        const { written } = await sqlIndex(account, checkTenant(run.tenant), run.entries);
        entries += written;
      }
      return { entry: entries };
    },
  };
}

/** The entries that follow one, in order of tenant and id; at least one, if there is any. */
function page(after: { tenant: string; id: string }, tenant: string | undefined): Statement {
  return {
    text: `select tenant, id, document, title, text, metadata, language from (
        select e.*, sum(size) over (order by tenant, id) - size as before from (
          select tenant_id as tenant, entry_id as id, document_id as document, title, text, metadata, language, octet_length(text) as size
          from agents.search_documents
          where (tenant_id, entry_id) > ($1, $2) ${tenant === undefined ? "" : "and tenant_id = $1"}
          order by tenant_id, entry_id limit ${PAGE}) e) sized
      where before < ${PAGE_BYTES} order by tenant, id`,
    values: [after.tenant, after.id],
  };
}

/** What the server is, after a look at whether it has the schema. Throws `StoreError`. */
export async function sqlHealth(client: SqlClient): Promise<string> {
  const text =
    "select current_setting('server_version') as server, 'agents.search_documents'::regclass::text as schema";
  const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
  return `PostgreSQL ${String(rows?.[0]?.server).split(" ")[0]}`;
}
