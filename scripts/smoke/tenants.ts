import { randomBytes } from "node:crypto";
import type { Fleet } from "../../adapters/index.ts";

/** A run names its tenants after the second it began, so that a later one can tell which were left behind by a kill. */
export const runName = (keep: boolean, now = Date.now()): string =>
  `smoke-${keep ? "kept" : Math.floor(now / 1000).toString(36)}-${randomBytes(4).toString("hex")}`;

/** No run takes an hour: whatever is older was left behind. */
const LEFT_BEHIND = 3600;

/** Of these tenants, those that a smoke run left behind. Kept ones (`--keep`) are nobody's but the user's. */
export const leftBehind = (tenants: readonly string[], now = Date.now()): string[] =>
  tenants.filter((tenant) => {
    const [, began] = /^smoke-([0-9a-z]{6,7})-[0-9a-f]{8}-/.exec(tenant) ?? [];
    return began !== undefined && Number.parseInt(began, 36) < now / 1000 - LEFT_BEHIND;
  });

export async function removeTenants(fleet: Fleet, tenants: Iterable<string>): Promise<number> {
  let removed = 0;
  for (const tenant of tenants) {
    await fleet.deleteTenant(tenant);
    removed++;
  }
  return removed;
}
