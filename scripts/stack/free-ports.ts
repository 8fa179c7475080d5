import { randomInt } from "node:crypto";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { portsSet } from "../../components/plan.ts";
import { isFree } from "../machine/ports.ts";
import { type Change, otherStacks, readConfig, readPlan } from "./file.ts";

/** Below the range from which systems take ports for outgoing connections. */
const RANGE = { from: 20_000, to: 30_000 };

/**
 * The changes, and with `hostPorts: auto` a free port for each of the plan's that the settings do not name. They are written down, so a stack keeps
 * its ports; those of this checkout's other stacks are left alone, also while they are down.
 */
export async function withFreePorts(stack: string, changes: readonly Change[]): Promise<Change[]> {
  const { settings, plan } = readPlan(stack, changes);
  const all = [...changes];
  if (settings.hostPorts === "fixed") return all;
  const taken = new Set(otherStacks(stack).flatMap((other) => numbersIn(readConfig(other)["agent-stores:ports"])));
  for (const { product, ports } of plan.services) {
    const set = portsSet(product, settings);
    for (const name of Object.keys(ports).filter((one) => set[one] === undefined)) {
      const port = await freePort(taken);
      taken.add(port);
      all.push({ path: ["ports", product, name], value: port });
    }
  }
  return all;
}

/** A port that nobody uses, and that no other command gets while this one runs. */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = randomInt(RANGE.from, RANGE.to);
    if (!taken.has(port) && reserve(port) && (await isFree(port))) return port;
  }
}

/** Where commands that choose ports at the same moment see each other's, whatever their checkout. */
const RESERVED = join(tmpdir(), `agent-stores-ports-${userInfo().username}`);
/** By then its command has a server on it, or was killed. */
const RESERVED_MS = 600_000;

const reserved = new Set<string>();

/** Keeps a port from other commands while this one runs; false when another has it. */
function reserve(port: number): boolean {
  mkdirSync(RESERVED, { recursive: true, mode: 0o700 });
  const path = join(RESERVED, String(port));
  const before = statSync(path, { throwIfNoEntry: false });
  if (before && before.mtimeMs < Date.now() - RESERVED_MS) rmSync(path, { force: true });
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  if (reserved.size === 0)
    process.once("exit", () => {
      for (const one of reserved) rmSync(one, { force: true });
    });
  reserved.add(path);
  return true;
}

function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}
