import { parallel } from "../../adapters/artifact/turns.ts";
import type { Env, Fleet, Stores, TenantStores } from "../../adapters/index.ts";
import { openFleet, openStores } from "../../adapters/index.ts";

/** A store under test: the variables that its two files would have. */
export interface UnderTest {
  name: string;
  app: Env;
  admin: Env;
}

/** An open store under test, and tenants of its own for each test. */
export interface Bench<Under extends UnderTest = UnderTest> {
  under: Under;
  stores: Stores;
  fleet: Fleet;
  /** The stores of a tenant that no other test uses. */
  fresh(): TenantStores;
  close(): Promise<void>;
}

let counter = 0;

export function openBench<Under extends UnderTest>(under: Under): Bench<Under> {
  const stores = openStores(under.app);
  const fleet = openFleet(under.admin);
  const made: string[] = [];
  return {
    under,
    stores,
    fleet,
    fresh() {
      const tenant = `contract-${process.pid}-${++counter}`;
      made.push(tenant);
      return stores.tenant(tenant);
    },
    async close() {
      await parallel(made, 8, (tenant) => fleet.deleteTenant(tenant));
      await Promise.all([stores.close(), fleet.close()]);
    },
  };
}
