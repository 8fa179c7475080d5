import type { SqlClient } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { checkTenant } from "../input.ts";
import type { Portable } from "../role.ts";
import type { VectorFleet } from "./contract.ts";
import { exclusiveLock } from "./sql-upsert.ts";
import { checkSpace } from "./validate.ts";

/** Acts across tenants, by an account that policies do not bind. */
export function sqlFleet(client: SqlClient): Omit<VectorFleet, keyof Portable> {
  const account = asAccount(client, "fleet", "agents.chunks");
  return {
    async deleteTenant(tenant) {
      const values = [checkTenant(tenant)];
      const kinds = ["documents", "chunks", "chunk_tags", "chunk_vectors", "spaces", "current_spaces", "agents"];
      const results = await account.run({
        tenant,
        timeout: 0,
        statements: [
          exclusiveLock(tenant),
          ...kinds.map((kind) => ({
            text: `with gone as (delete from agents.${kind} where tenant_id = $1 returning 1) select count(*)::float8 as n from gone`,
            values,
          })),
          {
            text: `insert into agents.audit (tenant_id, action) select $1, 'tenant.delete'
              where exists (select from agents.audit where tenant_id = $1)`,
            values,
          },
        ],
      });
      return Object.fromEntries(kinds.map((kind, i) => [kind, Number(results[i + 1]?.[0]?.n ?? 0)]));
    },
    async tenants() {
      const [rows = []] = await account.run({
        tenant: null,
        repeatable: true,
        timeout: 0,
        statements: [
          { text: "select tenant_id as tenant, count(*)::float8 as chunks from agents.chunks group by 1 order by 1" },
        ],
      });
      return rows.map(({ tenant, chunks }) => ({ tenant: String(tenant), chunks: Number(chunks) }));
    },
    async dropSpace(space) {
      const { id } = checkSpace(space);
      const ask = async (...texts: string[]) => {
        const statements = texts.map((text) => ({ text }));
        return (await account.run({ tenant: null, timeout: 0, statements }))[0]?.[0]?.found;
      };
      // Without a lock first: to find out under one that it is in use would cost all who use it some time.
      if (await ask(`select exists (select from agents.chunk_vectors where space_id = '${id}') as found`))
        return "used";
      const found = await ask(
        `select agents.drop_space('${id}') as found`,
        `delete from agents.spaces where space_id = '${id}' and to_regclass('agents.chunk_vectors_${id}') is null`,
      );
      return found as Awaited<ReturnType<VectorFleet["dropSpace"]>>;
    },
  };
}

/** What the server is, after a look at whether it has the schema. Throws `StoreError`. */
export async function sqlHealth(client: SqlClient): Promise<string> {
  const [rows] = await client.run({
    tenant: null,
    repeatable: true,
    statements: [
      {
        text: `select current_setting('server_version') as server, 'agents.chunk_vectors'::regclass::text as schema,
          (select extversion from pg_extension where extname = 'vector') as vector`,
      },
    ],
  });
  const { server, vector } = rows?.[0] ?? {};
  return `PostgreSQL ${String(server).split(" ")[0]}, pgvector ${vector}`;
}
