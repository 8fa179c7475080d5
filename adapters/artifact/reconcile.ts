import { byCodePoint } from "../order.ts";
import type { Backend, Listed } from "./backend.ts";
import type { IndexRow, IndexTable } from "./index-table.ts";

/** Walks through the store and its index side by side, both in code-point order, and corrects each row that differs. */
export async function reconcile(backend: Backend, table: IndexTable, tenant: string, before: Date): Promise<number> {
  const stored = backend.list(tenant, "")[Symbol.asyncIterator]();
  const rows = table.rows(tenant)[Symbol.asyncIterator]();
  let corrected = 0;
  let held = (await stored.next()).value as Listed | undefined;
  let row = (await rows.next()).value as IndexRow | undefined;
  while (held || row) {
    const order = !row ? -1 : !held ? 1 : byCodePoint(held.path, row.path);
    const path = (order <= 0 ? held?.path : row?.path) ?? "";
    if (differs(order <= 0 ? held : undefined, order >= 0 ? row : undefined, before))
      corrected += await table.correct(tenant, path, await backend.stat(tenant, path), before);
    if (order <= 0) held = (await stored.next()).value as Listed | undefined;
    if (order >= 0) row = (await rows.next()).value as IndexRow | undefined;
  }
  return corrected;
}

/** Whether a row says something else than the store, and not because a call is under way. */
function differs(held: Listed | undefined, row: IndexRow | undefined, before: Date): boolean {
  if (row?.announcedAt && row.announcedAt >= before) return false;
  if (!row) return held !== undefined && held.modifiedAt < before;
  return row.state !== "stored" || row.version !== held?.version;
}
