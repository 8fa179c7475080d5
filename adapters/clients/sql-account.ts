import { StoreError } from "../errors.ts";
import type { Row, SqlClient, Work } from "./sql.ts";

/** Runs work as an account that was looked at before. */
export interface AccountClient {
  run(work: Work): Promise<Row[][]>;
  /** Throws where `run` would, before anything else is done. */
  check(): Promise<void>;
}

/**
 * The client, once its account was found to be the one that is meant: policies are what keeps tenants apart, so `app` must be bound by them, and `fleet`, whose acts would find nothing
 * under them and seem to be done, must not. Looks when it is first used.
 *
 * @param table one of the role's, with its schema, e.g. `agents.chunks`
 * @throws StoreError `unprepared` where the table is missing, `denied` for the wrong account
 */
export function asAccount(client: SqlClient, account: "app" | "fleet", table: string): AccountClient {
  let ready: Promise<void> | undefined;
  const check = async () => {
    ready ??= look(client, account, table);
    try {
      await ready;
    } catch (error) {
      ready = undefined;
      throw error;
    }
  };
  return {
    check,
    async run(work) {
      await check();
      return client.run(work);
    },
  };
}

async function look(client: SqlClient, account: "app" | "fleet", table: string): Promise<void> {
  const text = `select to_regclass('${table}') is not null as there,
    coalesce((select row_security_active(to_regclass('${table}'))), false) as bound, current_user as name`;
  const [rows] = await client.run({ tenant: null, repeatable: true, statements: [{ text }] });
  const { there, bound, name } = (rows?.[0] ?? {}) as { there?: boolean; bound?: boolean; name?: string };
  const refuse = (code: "unprepared" | "denied", what: string, mend: string) => {
    throw new StoreError(code, client.protocol, what, mend);
  };
  if (!there) refuse("unprepared", `The database has no table ${table}.`, "Prepare it: npm run up");
  if (account === "app" && !bound)
    refuse(
      "denied",
      `Account "${name}" ignores row-level security, so tenants would see each other.`,
      "Use the app account's URL in .env (agent_core), and the fleet account's in .env.admin.",
    );
  if (account === "fleet" && bound)
    refuse(
      "denied",
      `Account "${name}" sees one tenant at a time.`,
      "Use the fleet account's URL, which is in .env.admin.",
    );
}
