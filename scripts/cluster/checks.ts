import type { V1Node } from "@kubernetes/client-node";
import type { Plan } from "../../components/plan.ts";
import { type Check, checkPortsFree, ok } from "../machine/checks.ts";
import { size } from "../terminal/report.ts";
import { type Cluster, said } from "./cluster.ts";
import { findNamespace } from "./namespace.ts";

/** Whether the cluster has what the plan wants. Nothing is changed. Throws where the namespace is another's. */
export async function checkCluster(plan: Plan, cluster: Cluster, ours: ReadonlySet<number>): Promise<Check[]> {
  await findNamespace(cluster, plan);
  return [
    ...(await checkPortsFree(plan, ours)),
    await checkMemory(plan, cluster),
    await checkStorageClass(plan, cluster),
    ...(await checkQuotas(plan, cluster)),
  ];
}

async function checkMemory(plan: Plan, { core }: Cluster): Promise<Check> {
  const planned = plan.services.reduce((sum, { budget }) => sum + budget.memory, 0);
  const largest = Math.max(0, ...plan.services.map(({ budget }) => budget.memory));
  let nodes: V1Node[];
  try {
    nodes = (await core.listNode()).items.filter(isReady);
  } catch {
    return ok("memory", `${size(planned)} planned; the nodes are not ours to see`);
  }
  const each = nodes.map((node) => quantity(node.status?.allocatable?.memory));
  const all = each.reduce((sum, one) => sum + one, 0);
  const text = `${size(planned)} of ${size(all)} planned on ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}`;
  if (planned <= all * 0.9 && largest <= Math.max(0, ...each)) return ok("memory", text);
  const product = plan.services.find(({ budget }) => budget.memory === largest)?.product;
  const mend =
    nodes.length === 0 ? "Look: kubectl get nodes" : `Plan less: npm run up -- --set budgets.${product}.memory=512MiB`;
  return {
    name: "memory",
    result: "fault",
    text: nodes.length === 0 ? "no node is ready" : `${text}: more than they have`,
    mend,
  };
}

const isReady = ({ status, spec }: V1Node) =>
  !spec?.unschedulable && status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");

async function checkStorageClass({ cluster: { storageClass } }: Plan, { storage }: Cluster): Promise<Check> {
  try {
    const classes = (await storage.listStorageClass()).items;
    const names = classes.map(({ metadata }) => metadata?.name ?? "");
    const usual = classes.find(
      ({ metadata }) => metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true",
    );
    if (storageClass === "" && usual) return ok("storage", `class ${usual.metadata?.name}, the cluster's default`);
    if (storageClass !== "" && names.includes(storageClass)) return ok("storage", `class ${storageClass}`);
    return {
      name: "storage",
      result: "fault",
      text:
        storageClass === ""
          ? "the cluster has no default storage class"
          : `the cluster has no storage class ${storageClass}`,
      mend:
        names.length > 0
          ? `It has: ${names.join(", ")}. Then: npm run up -- --set storageClass=<name>`
          : "Install a provisioner of volumes first: the claims of the stores would wait for ever.",
    };
  } catch (error) {
    return {
      name: "storage",
      result: "note",
      text: `the storage classes are not ours to see: ${said(error)}`,
      mend: "A claim that nobody fills is told by up.",
    };
  }
}

/** Quotas that others have put on the namespace: a set that may make no pod says so only in its events. */
async function checkQuotas(plan: Plan, { core, namespace }: Cluster): Promise<Check[]> {
  const { items } = await core.listNamespacedResourceQuota({ namespace }).catch(() => ({ items: [] }));
  const wanted = plan.services.reduce((sum, { budget }) => sum + budget.memory, 0);
  return items.flatMap(({ metadata, spec }) => {
    if (metadata?.labels?.["app.kubernetes.io/managed-by"] === "agent-stores") return [];
    const limit = spec?.hard?.["limits.memory"] ?? spec?.hard?.["requests.memory"] ?? spec?.hard?.memory;
    if (limit === undefined || quantity(limit) >= wanted) return [];
    const text = `the quota ${metadata?.name} of namespace ${namespace} allows ${limit} of memory, and the plan wants ${size(wanted)}`;
    return {
      name: "quota",
      result: "fault" as const,
      text,
      mend: "Plan less: npm run up -- --set budgets.<product>.memory=…   Or have the quota raised.",
    };
  });
}

const UNITS: Record<string, number> = {
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  m: 1e-3,
};

/** A quantity of Kubernetes, e.g. `16Gi`, in its base unit. */
function quantity(text = "0"): number {
  const [, digits = "0", unit = ""] = /^([0-9.]+)([A-Za-z]*)$/.exec(text) ?? [];
  return Number(digits) * (UNITS[unit] ?? 1);
}
