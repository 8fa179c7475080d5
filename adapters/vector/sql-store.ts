import { Beliefs } from "../beliefs.ts";
import type { SqlClient } from "../clients/sql.ts";
import { asAccount } from "../clients/sql-account.ts";
import { StoreError } from "../errors.ts";
import { checkTenant } from "../input.ts";
import type { VectorAdapter, VectorCapabilities, VectorStore } from "./contract.ts";
import { type Held, plainSpace } from "./spaces.ts";
import { AccessPaths } from "./sql-access.ts";
import { sqlFleet, sqlHealth } from "./sql-fleet.ts";
import { sqlPortable } from "./sql-portable.ts";
import { SqlReader } from "./sql-reader.ts";
import { sqlReindexing } from "./sql-reindex.ts";
import { type Shared, SqlTenant } from "./sql-tenant.ts";
import { SqlWriter } from "./sql-writer.ts";

export interface SqlVectorOptions {
  can: VectorCapabilities;
  why: VectorStore["why"];
  /** From so many rows of a space on, the end of an upsert builds its approximate index. @default 4000, or `?index_from=` of the URL */
  indexFrom?: number;
}

/** What the URL says of the role: a load that comes in many calls names a high `?index_from=` and the last of them the usual one. */
export function optionsOf(url: string): { indexFrom?: number } {
  const given = /[?&]index_from=([^&]*)/.exec(url)?.[1];
  if (given === undefined) return {};
  if (/^[0-9]{1,9}$/.test(given)) return { indexFrom: Number(given) };
  throw new StoreError(
    "invalid",
    "vector",
    `?index_from=${given} is not a number of rows.`,
    "Write e.g. ?index_from=4000",
  );
}

/** The `vector` role over SQL, for any client that runs it. Closes the client when it is closed. */
export function sqlVectorAdapter(client: SqlClient, { can, why, indexFrom = 4_000 }: SqlVectorOptions): VectorAdapter {
  const paths = new AccessPaths(client);
  const shared = (as: "app" | "fleet"): Shared => {
    const remembered = { held: new Beliefs<Held>(), ensured: new Set<string>(), built: new Map() };
    return { client, account: asAccount(client, as, "agents.chunks"), can, why, indexFrom, paths, ...remembered };
  };
  const forTenants = shared("app");
  return {
    tenant: (tenant) => store(new SqlTenant(forTenants, checkTenant(tenant))),
    fleet: { ...sqlFleet(client), ...sqlPortable(shared("fleet")) },
    health: () => sqlHealth(client),
    close: () => client.close(),
  };
}

function store(at: SqlTenant): VectorStore {
  const reader = new SqlReader(at);
  const writer = new SqlWriter(at);
  return {
    can: at.shared.can,
    why: at.shared.why,
    upsert: (chunks) => writer.upsert(chunks),
    query: (query) => reader.query(query),
    explain: (query) => reader.explain(query),
    deleteByDocument: (document) => writer.deleteByDocument(document),
    count: (filter) => reader.count(filter),
    spaces: async () => (await at.spaces()).spaces.map(plainSpace),
    current: async () => {
      const { current } = await at.spaces();
      return current && plainSpace(current);
    },
    reindexing: sqlReindexing(at, writer),
  };
}
