import { openFleet, openStores } from "../../adapters/index.ts";
import type { HeldByTenants } from "../../adapters/move/held.ts";
import type { RoleFleet } from "../../adapters/role.ts";
import type { VectorStore } from "../../adapters/vector/contract.ts";
import { variablePrefix } from "../../components/connections.ts";
import type { Role } from "../../components/product.ts";
import { envFiles, readOurs } from "../stack/dotenv.ts";

/** A role as one product of the stack has it, whether it serves the role or not. */
export interface RoleAt extends AsyncDisposable {
  fleet: RoleFleet;
  /** The vectors of a tenant, by the application's account. */
  vector(tenant: string): VectorStore;
}

/** Opens it by the accounts in `.env.admin`. The index of artifacts is left alone: it is of what serves. */
export function roleAt(stack: string, role: Role, product: string): RoleAt {
  const admin = readOurs(envFiles(stack).admin);
  const name = `${role.toUpperCase()}_URL`;
  const url = (account: string) => admin[`${variablePrefix(product)}_${account}_URL`] ?? "";
  const fleet = openFleet({ [name]: url("FLEET") });
  const stores = openStores({ [name]: url("APP") });
  return {
    fleet: fleet[role as keyof typeof fleet] as unknown as RoleFleet,
    vector: (tenant) => stores.tenant(tenant).vector,
    async [Symbol.asyncDispose]() {
      await Promise.all([fleet.close(), stores.close()]);
    },
  };
}

/** What a store holds, in words. */
export function heldText({ tenants, sums }: HeldByTenants): string {
  if (tenants.length === 0) return "nothing";
  const all = Object.entries({ tenants: tenants.length, ...sums });
  return all.map(([what, n]) => `${n.toLocaleString("en")} ${what}`).join(", ");
}
