import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { type Env, openStores, type RoleStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";

/** A product of the servers under test that can fill a role. */
export interface Server {
  /** In lower case, e.g. `minio`. */
  product: string;
  /** URLs of its accounts. */
  app: string;
  fleet: string;
}

/** The roles that stores can be opened for. */
export type OpenRole = keyof RoleStores;

/** A server's `.env.admin`: set by whoever has one running. What is named must answer, it is never skipped. */
const file = process.env.CONTRACT_ADMIN_ENV;
/** Every variable of that file; none without it. */
export const serverEnv: Env = file ? parseEnv(readFileSync(file, "utf8")) : {};

/** The products of CONTRACT_ADMIN_ENV whose protocol serves a role, prepared. */
export async function servers(role: OpenRole): Promise<Server[]> {
  const found = Object.entries(serverEnv).flatMap(([name, app]) => {
    const prefix = /^(.+)_APP_URL$/.exec(name)?.[1];
    if (!prefix || !app || !serves(role, app)) return [];
    return [
      { product: prefix.toLowerCase().replaceAll("_", "-"), app, fleet: serverEnv[`${prefix}_FLEET_URL`] ?? app },
    ];
  });
  if (found.length > 0) await prepare(serverEnv);
  return found;
}

/** The variable that holds a role's URL. */
export const variableOf = (role: OpenRole) => `${role.toUpperCase()}_URL`;

/** Nothing connects before the first call, so that opening one is a question about its protocol. */
export function serves(role: OpenRole, url: string): boolean {
  const stores = openStores({ [variableOf(role)]: url });
  try {
    void stores.tenant("contract")[role];
    return true;
  } catch {
    return false;
  } finally {
    void stores.close();
  }
}
