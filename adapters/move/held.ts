import type { RoleFleet } from "../role.ts";

/** What a store holds of its role. */
export interface HeldByTenants {
  tenants: string[];
  /** The figures that the role has of its tenants, added up, e.g. `{ chunks: 20000 }`. */
  sums: Record<string, number>;
}

/** @param scope only this tenant. @default all */
export async function heldBy(fleet: RoleFleet, scope?: string): Promise<HeldByTenants> {
  const held: HeldByTenants = { tenants: [], sums: {} };
  for (const { tenant, ...figures } of await fleet.tenants()) {
    if (scope !== undefined && tenant !== scope) continue;
    held.tenants.push(tenant);
    for (const [what, n] of Object.entries(figures))
      if (typeof n === "number") held.sums[what] = (held.sums[what] ?? 0) + n;
  }
  return held;
}
