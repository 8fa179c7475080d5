import { checkInteger, checkTenant, isPlain } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import { type KeptRun, PAGE_BYTES, PAGE_RUNS, type RunFleetBackend } from "./backend.ts";
import type { ClaimOptions, Lease, Run, RunCapabilities, RunFleet, RunStore } from "./contract.ts";
import { keptOfRecord, recordOf } from "./records.ts";
import { claimAll, runOf, runStore } from "./store.ts";
import { checkClaim, refuse } from "./validate.ts";
import { work } from "./work.ts";

type Claimed = Run & { tenant: string; lease: Lease };

/** The contract's acts across tenants over what a protocol does. */
export function runFleet(backend: RunFleetBackend, can: RunCapabilities, why: RunStore["why"]): RunFleet {
  /** The tenant that was served last. */
  let served = "";
  async function claim(options: ClaimOptions): Promise<Claimed[]> {
    const checked = checkClaim(options);
    const kept = await claimAll(checked.limit, async (limit) => {
      const taken = await backend.claimAfter(served, { ...checked, limit });
      // Those before it have their turn again.
      if (served !== "" && taken.length < limit)
        taken.push(...(await backend.claimAfter("", { ...checked, limit: limit - taken.length })));
      served = taken.at(-1)?.tenant ?? "";
      return taken;
    });
    return kept.map((one) => ({ ...runOf(one), tenant: one.tenant }) as Claimed);
  }
  return {
    claim,
    work: (handler, options) =>
      work({ claim, holding: ({ tenant }) => runStore(backend.tenant(tenant), can, why) }, handler, options),
    async deleteTenant(tenant) {
      return { runs: await backend.deleteTenant(checkTenant(tenant)) };
    },
    tenants: () => backend.tenants(),
    async *export(options) {
      const tenant = options?.tenant === undefined ? undefined : checkTenant(options.tenant);
      for (let after: KeptRun | null = null; ; ) {
        const page: KeptRun[] = await backend.page(tenant, after);
        for (const kept of page) yield recordOf(kept);
        after = page.at(-1) ?? null;
        if (!after) return;
      }
    },
    async import(records) {
      let runs = 0;
      for await (const batch of batches(records)) {
        await backend.put(batch);
        runs += batch.length;
      }
      return { run: runs };
    },
    async purge(options) {
      if (!isPlain(options) || Object.keys(options).some((name) => name !== "olderThanMs"))
        refuse("purge is told no age.", "Give { olderThanMs }.");
      return {
        runs: await backend.purge(checkInteger("run", options.olderThanMs, "olderThanMs", 0, 3_155_760_000_000)),
      };
    },
  };
}

/** As much as one message to a server should carry; of equal keys in a batch the last. */
async function* batches(records: AsyncIterable<SnapshotRecord>): AsyncGenerator<KeptRun[]> {
  let batch = new Map<string, KeptRun>();
  let bytes = 0;
  for await (const record of records) {
    const kept = keptOfRecord(record);
    batch.set(`${kept.tenant} ${kept.id}`, kept);
    bytes += JSON.stringify([kept.state, kept.result]).length;
    if (batch.size < PAGE_RUNS && bytes < PAGE_BYTES) continue;
    yield [...batch.values()];
    batch = new Map();
    bytes = 0;
  }
  if (batch.size > 0) yield [...batch.values()];
}
