import type { ReindexReport, TenantPlan, TenantReport } from "../../adapters/reindex.ts";
import { spaceName } from "../../adapters/vector/spaces.ts";
import { Failure, type Report } from "../terminal/report.ts";

const whole = (value: number) => value.toLocaleString("en-US");
const from = ({ from }: TenantPlan) => (from ? spaceName(from) : "nothing to move");
const share = (value: number | undefined) => (value === undefined ? "" : value.toFixed(3));

export function showPlans(plans: readonly TenantPlan[], report: Report): void {
  for (const plan of plans) report.data({ ...plan });
  const rows = plans.map((plan) => [plan.tenant, from(plan), whole(plan.chunks), whole(plan.missing)]);
  report.table(["tenant", "from", "chunks", "missing"], rows);
}

export function showTenants(tenants: readonly TenantReport[], report: Report): void {
  for (const tenant of tenants) report.data({ ...tenant });
  report.table(
    ["tenant", "from", "chunks", "embedded", "overlap@10", "recall@10", "by", "current", "removed"],
    tenants.map((one) => [
      one.tenant,
      from(one),
      whole(one.chunks),
      whole(one.embedded),
      share(one.comparison?.overlap),
      share(one.comparison?.recall),
      one.comparison?.access ?? "",
      one.from ? (one.switched ? "new" : "old") : "",
      one.removed > 0 ? whole(one.removed) : "",
    ]),
  );
}

/** What came of `--drop-old`. Throws a Failure when something is left that should be gone. */
export function showDropped({ tenants, dropped, remaining }: ReindexReport, report: Report): void {
  for (const space of dropped) report.line("ok", "dropped", `${spaceName(space)} is gone, table and index`, { space });
  for (const { space, why } of remaining)
    if (why === "used") report.line("note", "kept", `${spaceName(space)}: there are chunks in it`, { space });
  const kept = tenants.filter((one) => one.kept > 0);
  if (kept.length > 0)
    throw new Failure(
      `chunks were written to the old space meanwhile: ${kept.map((one) => `${one.kept} of ${one.tenant}`).join(", ")}`,
      "Give the new embedder to whatever writes; then type the same command again.",
    );
  if (remaining.some(({ why }) => why === "busy"))
    throw new Failure(
      "the old space is empty, but others were in the way of dropping it",
      "Type it again in a moment.",
    );
}
