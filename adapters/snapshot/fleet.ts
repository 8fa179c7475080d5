import { StoreError } from "../errors.ts";
import { checkTenant } from "../input.ts";
import { heldBy } from "../move/held.ts";
import type { RoleFleet } from "../role.ts";
import type { Manifest } from "./format.ts";
import { openSnapshot, type Snapshot } from "./read.ts";
import { type ExportOptions, writeSnapshot } from "./write.ts";

/** What of a snapshot is written, and over what. */
export interface ImportOptions {
  /** Only this tenant of the snapshot. @default all */
  tenant?: string;
  /** Only these roles of the snapshot. @default all; then each that has records must have a store */
  roles?: readonly string[];
  /** Delete first what the stores hold of the tenants that are restored: without `tenant` of all tenants, those that are not in the snapshot too. @default false: refuse */
  over?: boolean;
  /** Called now and then with how far it is. */
  progress?: (doing: string, done: number) => void;
}

/** What was restored: records by role and kind, without what has ended meanwhile. */
export type Imported = Record<string, Record<string, number>>;

/** The acts of a fleet that move data. */
export interface Snapshots {
  /**
   * Writes everything, or one tenant, of every configured role into a new folder, and resolves to what it holds. Memory stays constant. Writers need not stop: each record is as it was at some moment of the
   * export, which is not the same for all of them.
   */
  export(folder: string, options?: ExportOptions): Promise<Manifest>;
  /**
   * Writes a snapshot into the stores, whatever products they are. It is first read and checked to its last byte; what is damaged, foreign or of a newer version is refused (`failed`, `invalid`)
   * before anything is written, and so (`conflict`) are stores that hold something already, unless `over`. After a kill half-way: import again, with `over`.
   */
  import(folder: string, options?: ImportOptions): Promise<Imported>;
}

/** A configured role. */
interface Role {
  role: string;
  protocol: string;
  fleet: RoleFleet;
}

export function snapshots(configured: () => readonly Role[]): Snapshots {
  return {
    async export(folder, options) {
      const roles = configured();
      if (roles.length === 0)
        throw new StoreError(
          "invalid",
          "snapshot",
          "No role has a URL.",
          "Start the stores, which writes .env: npm run up",
        );
      return writeSnapshot(folder, roles, options);
    },
    async import(folder, { tenant, roles: wanted, over = false, progress = () => {} } = {}) {
      if (tenant !== undefined) checkTenant(tenant);
      const snapshot = await openSnapshot(folder, (file, lines) => progress(`checking ${file}`, lines));
      const roles = rolesOf(snapshot, configured(), wanted);
      const scope = tenant ?? snapshot.manifest.tenant ?? undefined;
      refuseTenant(snapshot, tenant);
      await makeRoom(roles, { scope, over, written: snapshot.manifest.tenants });
      const imported: Imported = {};
      for (const { role, fleet } of roles) {
        const records = counted(snapshot.records(role, tenant), (done) => progress(`writing ${role}`, done));
        imported[role] = await fleet.import(records, snapshot.blobs);
      }
      return imported;
    },
  };
}

/** The roles of a snapshot that have a store; `StoreError` code `invalid` when one that has records has none. */
function rolesOf({ manifest }: Snapshot, configured: readonly Role[], wanted?: readonly string[]): Role[] {
  const isWanted = (role: string) => wanted === undefined || wanted.includes(role);
  const [missing] = Object.entries(manifest.roles).flatMap(([role, { bytes }]) =>
    bytes > 0 && isWanted(role) && !configured.some((one) => one.role === role) ? [role] : [],
  );
  if (missing === undefined)
    return configured.filter(({ role }) => isWanted(role) && Object.hasOwn(manifest.roles, role));
  const mend = `Set ${missing.toUpperCase()}_URL, or bind the role and start it: npm run up`;
  throw new StoreError("invalid", "snapshot", `The snapshot has the role ${missing}, which has no store here.`, mend);
}

function refuseTenant({ manifest }: Snapshot, tenant: string | undefined): void {
  if (tenant === undefined || manifest.tenants.includes(tenant)) return;
  const [first = "none", ...others] = manifest.tenants;
  const mend = `It has ${first}${others.length > 0 ? ` and ${others.length} others` : ""}.`;
  throw new StoreError("invalid", "snapshot", `The snapshot has no tenant "${tenant}".`, mend);
}

/** Deletes what is in the way, or refuses: what would be lost is said then. */
async function makeRoom(
  roles: readonly Role[],
  { scope, over, written }: { scope: string | undefined; over: boolean; written: readonly string[] },
): Promise<void> {
  const held: string[] = [];
  const tenants = new Set<string>();
  for (const { role, fleet } of roles) {
    const found = await heldBy(fleet, scope);
    for (const tenant of found.tenants) tenants.add(tenant);
    for (const [what, n] of Object.entries(found.sums)) held.push(`${n.toLocaleString("en")} ${what} (${role})`);
  }
  if (!over) {
    if (tenants.size === 0) return;
    const whose = scope === undefined ? `of ${tenants.size} tenant${tenants.size === 1 ? "" : "s"}` : `of ${scope}`;
    const what = `The stores hold data ${whose}, which would be lost: ${held.join(", ")}.`;
    throw new StoreError("conflict", "snapshot", what, "Import with { over: true } to delete it first.");
  }
  for (const tenant of scope === undefined ? new Set([...tenants, ...written]) : [scope])
    for (const { fleet } of roles) await fleet.deleteTenant(tenant);
}

async function* counted<T>(records: AsyncIterable<T>, progress: (done: number) => void): AsyncGenerator<T> {
  let done = 0;
  for await (const record of records) {
    if (++done % 100 === 0) progress(done);
    yield record;
  }
  progress(done);
}
