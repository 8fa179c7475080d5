import { isDeepStrictEqual } from "node:util";
import type { Backend, Kept } from "./backend.ts";
import type { IndexTable } from "./index-table.ts";
import { reconcile } from "./reconcile.ts";
import type { CheckedFind } from "./validate.ts";

/** A protocol whose artifacts are in an index. */
export interface Indexed extends Backend {
  find(tenant: string, query: CheckedFind): Promise<Kept[]>;
  /** Makes the index say what the store holds, but for what is younger than `before`; counts the rows that were wrong. */
  reconcile(tenant: string, before: Date): Promise<number>;
}

/**
 * Keeps an index of what `backend` holds. Every change is announced in the index, made in the store, and then written into the index. Whoever finds that another call announced one meanwhile looks at the
 * store for what to write, so the last of them leaves the truth; after a crash the announcement is what `reconcile` finds.
 */
export function indexed(backend: Backend, table: IndexTable): Indexed {
  /**
   * Writes what the store holds; for where it is not known how a change went. Looks again after it wrote: another call may have ended between look and
   * write, and would be overwritten by what was seen of its middle.
   */
  const settle = async (tenant: string, paths: readonly string[], token?: string) => {
    for (const path of paths) {
      for (let seen = await backend.stat(tenant, path), after: Kept | undefined; ; seen = after) {
        await table.settle(tenant, path, seen, token);
        after = await backend.stat(tenant, path);
        if (isDeepStrictEqual(after, seen)) break;
      }
    }
  };
  const change = async <T>(
    tenant: string,
    path: string,
    make: () => Promise<T>,
    after: (made: T) => Kept | undefined,
  ) => {
    const token = await table.announce(tenant, [path], "writing");
    let made: T;
    try {
      made = await make();
    } catch (error) {
      // The error says what went wrong; an index that is away, too, is put right by repair.
      await settle(tenant, [path], token).catch(() => {});
      throw error;
    }
    const kept = after(made);
    if (!kept) await settle(tenant, [path], token);
    else if (!(await table.stored(tenant, kept, token))) await settle(tenant, [path]);
    return made;
  };

  return {
    ...backend,
    put: (tenant, path, content, options) =>
      change(
        tenant,
        path,
        () => backend.put(tenant, path, content, options),
        (kept) => kept,
      ),
    describe: (tenant, path, details) =>
      change(
        tenant,
        path,
        () => backend.describe(tenant, path, details),
        (done) => (done ? { ...details, path } : undefined),
      ),
    async remove(tenant, paths) {
      let removed = 0;
      for (let at = 0; at < paths.length; at += BATCH) {
        const some = paths.slice(at, at + BATCH);
        const token = await table.announce(tenant, some, "deleting");
        removed += await backend.remove(tenant, some);
        await settle(tenant, await table.removed(tenant, some, token));
      }
      return removed;
    },
    async tenants() {
      const [held, known] = await Promise.all([backend.tenants(), table.tenants()]);
      return [...new Set([...held, ...known])].sort();
    },
    async removeTenant(tenant) {
      await table.check(); // before anything is removed
      const counts = await backend.removeTenant(tenant);
      return { ...counts, indexed: await table.removeTenant(tenant) };
    },
    find: (tenant, query) => table.find(tenant, query),
    reconcile: (tenant, before) => reconcile(backend, table, tenant, before),
  };
}

/** Paths that one announcement names. */
const BATCH = 500;
