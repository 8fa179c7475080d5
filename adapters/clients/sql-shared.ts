import { schemeOf } from "../env.ts";
import { StoreError } from "../errors.ts";
import { byScheme } from "../role.ts";
import { pgliteClient } from "./pglite.ts";
import { postgresClient } from "./postgres.ts";
import type { SqlClient } from "./sql.ts";

const files: Record<string, (url: string) => SqlClient> = { "postgres:": postgresClient, "pglite:": pgliteClient };

/** Whether a URL names a database that `sqlClient` opens. */
export const isSql = (url: string): boolean => Object.hasOwn(files, schemeOf(url));

interface Shared {
  client: SqlClient;
  users: number;
}
const open = new Map<string, Shared>();

/**
 * The client of a URL: everything in this process that names the same one shares its connections, so that a database which fills five roles is connected to
 * as one. The last to close ends them. Throws `StoreError` code `invalid` for a protocol that is not SQL.
 * @param variable of the URL, in lower case and without its ending, for that error: `vector`, `artifact_index`
 */
export function sqlClient(url: string, variable: string): SqlClient {
  const one = open.get(url) ?? { client: byScheme(variable, files, url)(url), users: 0 };
  one.users++;
  open.set(url, one);
  let closed: Promise<void> | undefined;
  const close = () => {
    if (--one.users > 0) return Promise.resolve();
    if (open.get(url) === one) open.delete(url);
    return one.client.close();
  };
  return {
    protocol: one.client.protocol,
    async run(work) {
      if (closed) throw new StoreError("invalid", one.client.protocol, "The store was closed.", "Open it again.");
      return one.client.run(work);
    },
    vectorOid: (fresh) => one.client.vectorOid(fresh),
    listen: one.client.listen,
    close: () => (closed ??= close()),
  };
}
