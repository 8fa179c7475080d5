import type { Blobs, RoleFleet, SnapshotRecord } from "../role.ts";

/** Where a copy goes through, and who is told how far it is. */
export interface CopyOptions {
  /** Keeps contents that are too large for a record on their way; the caller removes it. */
  blobs: Blobs;
  /** Called with each record on its way, and how many there were so far. */
  passing?: (record: SnapshotRecord, records: number) => void;
}

/**
 * Makes `to` hold what `from` holds of a role, and nothing else: what it held before is deleted first. Records stream from one to the other, whatever products they are; memory
 * stays constant. Counts them by kind. Nobody may write to either meanwhile. After a kill half-way: once more from the start.
 */
export async function copy(
  from: RoleFleet,
  to: RoleFleet,
  { blobs, passing }: CopyOptions,
): Promise<Record<string, number>> {
  await empty(to);
  return to.import(watched(from.export({ blobs }), passing), blobs);
}

/** Deletes all that a store holds of its role. */
export async function empty(fleet: RoleFleet): Promise<void> {
  for (const { tenant } of await fleet.tenants()) await fleet.deleteTenant(tenant);
}

async function* watched(
  records: AsyncIterable<SnapshotRecord>,
  passing: CopyOptions["passing"],
): AsyncGenerator<SnapshotRecord> {
  let n = 0;
  for await (const record of records) {
    passing?.(record, ++n);
    yield record;
  }
}
