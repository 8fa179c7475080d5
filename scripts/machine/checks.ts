import { statfs } from "node:fs/promises";
import { row } from "../../components/catalogue/index.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure, size } from "../terminal/report.ts";
import { containersOf } from "./containers.ts";
import type { EngineInfo } from "./engine.ts";
import { imageMend, isPresent, isReachable } from "./images.ts";
import { holderOf, isFree } from "./ports.ts";

/** What a look at the machine found. A fault stops `up`; a note does not. */
export interface Check {
  name: string;
  result: "ok" | "note" | "fault";
  text: string;
  mend: string;
}

export const ok = (name: string, text: string): Check => ({ name, result: "ok", text, mend: "" });

/** Throws a Failure for the first fault among them. */
export function requireNoFault(checks: readonly Check[]): void {
  const fault = checks.find(({ result }) => result === "fault");
  if (fault) throw new Failure(fault.text, fault.mend);
}

/** Whether the engine has what the plan wants: ports, memory, cpus, disk. Nothing is changed. */
export async function checkCapacity(plan: Plan, engine: EngineInfo): Promise<Check[]> {
  return [
    ...(await checkPorts(plan, engine)),
    checkLimits(engine),
    checkMemory(plan, engine),
    checkCpus(plan, engine),
    await checkDisk(plan, engine),
  ];
}

async function checkPorts(plan: Plan, { host }: EngineInfo): Promise<Check[]> {
  const running = (await containersOf(plan.stack, host)).filter(({ state }) => state === "running");
  const ours = new Set(running.flatMap(({ ports }) => ports));
  return checkPortsFree(plan, ours, host);
}

/** Whether nobody but `ours` listens on the plan's ports of this machine. */
export async function checkPortsFree(plan: Plan, ours: ReadonlySet<number>, host?: string): Promise<Check[]> {
  const wanted = plan.services.flatMap(({ product, ports }) =>
    Object.entries(ports).map(([name, port]) => ({ product, name, port })),
  );
  const checks = await Promise.all(
    wanted.map(async ({ product, name, port }): Promise<Check> => {
      if (ours.has(port) || (await isFree(port))) return ok("ports", `${port} (${product}) free or ours`);
      const setting = Object.keys(row(product).container?.ports ?? {}).length > 1 ? `${product}.${name}` : product;
      return {
        name: "ports",
        result: "fault",
        text: `port ${port} is held by ${await holderOf(port, host)}`,
        mend: `Stop it, or move ours: npm run up -- --port ${setting}=${port + 50_000 > 65_535 ? port - 1000 : port + 50_000}   (or: --port auto)`,
      };
    }),
  );
  return checks;
}

const checkLimits = ({ limits, cgroup }: EngineInfo): Check =>
  limits
    ? ok("limits", `cgroup ${cgroup}: memory and cpu limits are enforced`)
    : {
        name: "limits",
        result: "note",
        text: `cgroup ${cgroup}: the engine does not enforce memory or cpu limits`,
        mend: "Budgets will be ignored; enable the cpu and memory cgroup controllers.",
      };

function checkMemory(plan: Plan, { memory }: EngineInfo): Check {
  const planned = plan.services.reduce((sum, { budget }) => sum + budget.memory, 0);
  const text = `${size(planned)} of ${size(memory)} planned`;
  if (planned <= memory * 0.9) return ok("memory", text);
  const largest = [...plan.services].sort((one, other) => other.budget.memory - one.budget.memory)[0]?.product;
  return {
    name: "memory",
    result: "fault",
    text: `${text}: more than 90 % of what the engine has`,
    mend: `Plan less: npm run up -- --set budgets.${largest}.memory=512MiB\nOr give the engine more (Docker Desktop: Settings → Resources).`,
  };
}

function checkCpus(plan: Plan, { cpus }: EngineInfo): Check {
  const over = plan.services.find(({ budget }) => budget.cpu > cpus);
  if (!over) return ok("cpus", `${cpus} cpus`);
  return {
    name: "cpus",
    result: "fault",
    text: `${over.product} is planned with ${over.budget.cpu} cpus; the engine has ${cpus}`,
    mend: `Plan less: npm run up -- --set budgets.${over.product}.cpu=${cpus}`,
  };
}

async function checkDisk(plan: Plan, { folder }: EngineInfo): Promise<Check> {
  const planned = plan.services.reduce((sum, { budget }) => sum + budget.disk, 0);
  try {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const text = `${size(free)} free, up to ${size(planned)} planned`;
    if (free >= planned) return ok("disk", text);
    return {
      name: "disk",
      result: free < 1024 ** 3 ? "fault" : "note",
      text,
      mend: "Make room: docker system prune   (removes unused containers, networks and dangling images, no volumes)",
    };
  } catch {
    return ok("disk", `the engine's disk is not visible from here (${folder})`);
  }
}

/** Whether each image is on the engine or its registry answers, and whether its product is still looked after. */
export async function checkImages(plan: Plan, { host }: EngineInfo): Promise<Check[]> {
  return Promise.all(
    plan.services.map(async ({ product, image }): Promise<Check> => {
      if (await isPresent(image, host)) return ok("images", `${image} present`);
      const { ok: reachable, why } = await isReachable(image, host);
      if (reachable) return ok("images", `${image} not here yet, its registry answers`);
      return {
        name: "images",
        result: "fault",
        text: `${image} is not here, and its registry does not give it: ${why}`,
        mend: imageMend(product, image),
      };
    }),
  );
}

export const checkUpkeep = (plan: Plan): Check[] =>
  plan.services.map(({ product }): Check => {
    const { upkeep, licence } = row(product);
    if (upkeep.state === "maintained") return ok("upkeep", `${product} is maintained (${licence})`);
    return {
      name: "upkeep",
      result: "note",
      text: `${product} is ${upkeep.state}: ${upkeep.why}`,
      mend: `Maintained instead: ${upkeep.instead}`,
    };
  });
