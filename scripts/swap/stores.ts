import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { RoleFleet } from "../../adapters/role.ts";
import type { VectorStore } from "../../adapters/vector/contract.ts";
import type { Role } from "../../components/product.ts";
import { envFiles, readOurs } from "../stack/dotenv.ts";
import { stateFolder } from "../stack/pulumi.ts";

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
  const url = (account: string) => admin[`${product.toUpperCase().replaceAll("-", "_")}_${account}_URL`] ?? "";
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

/** What a store holds, as one number by kind: `{ tenants: 2, chunks: 20000 }`. */
export async function holds(fleet: RoleFleet): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { tenant: _, ...figures } of await fleet.tenants()) {
    sums.tenants = (sums.tenants ?? 0) + 1;
    for (const [what, n] of Object.entries(figures)) if (typeof n === "number") sums[what] = (sums[what] ?? 0) + n;
  }
  return sums;
}

/** The same in words. */
export const holdsText = (sums: Record<string, number>): string =>
  Object.entries(sums)
    .map(([what, n]) => `${n.toLocaleString("en")} ${what}`)
    .join(", ") || "nothing";

/** A folder that is there while `work` is done. */
export async function inFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(stateFolder, `${name}-`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
