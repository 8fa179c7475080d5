import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Plan } from "../../components/plan.ts";
import { root } from "../../stacks/place.ts";
import { startOf } from "../stack/lock.ts";
import { stateFolder } from "../stack/pulumi.ts";
import { Failure } from "../terminal/report.ts";

/** The process that holds a stack's ports of this machine, for as long as it lives. */
export interface Holder {
  pid: number;
  started: string;
  /** What it forwards: a plan with other ports or another cluster needs another one. */
  what: string;
}

const pathOf = (stack: string) => join(stateFolder, `${stack}.connect.json`);
const logOf = (stack: string) => join(stateFolder, `${stack}.connect.log`);

/** What of a plan a connection depends on. */
export const whatOf = ({ cluster, services }: Plan): string =>
  JSON.stringify([cluster.context, cluster.namespace, services.map(({ product, ports }) => [product, ports])]);

/** Who forwards the stack's ports just now. */
export function holderOf(stack: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(pathOf(stack), "utf8")) as Holder;
    return startOf(holder.pid) === holder.started ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Says that this process forwards the stack's ports. */
export function hold(plan: Plan): void {
  const holder: Holder = { pid: process.pid, started: startOf(process.pid), what: whatOf(plan) };
  writeFileSync(pathOf(plan.stack), JSON.stringify(holder), { mode: 0o600 });
}

export function letGo(stack: string): void {
  if (holderOf(stack)?.pid === process.pid) rmSync(pathOf(stack), { force: true });
}

/** Ends the stack's connection, whoever holds it, and waits until its ports are free. Answers whether there was one. */
export async function disconnect(stack: string): Promise<boolean> {
  const holder = holderOf(stack);
  if (!holder) return false;
  process.kill(holder.pid, "SIGTERM");
  for (let waited = 0; holderOf(stack) && waited < 50; waited++) await sleep(100);
  if (holderOf(stack)) process.kill(holder.pid, "SIGKILL");
  while (startOf(holder.pid) === holder.started) await sleep(20);
  rmSync(pathOf(stack), { force: true });
  return true;
}

/** Makes sure that the plan's ports of this machine lead to its servers: by the connection that is there, or by a new one that outlives this command. */
export async function ensureConnection(plan: Plan): Promise<void> {
  const { stack } = plan;
  if (holderOf(stack)?.what === whatOf(plan)) return;
  await disconnect(stack);
  const log = openSync(logOf(stack), "w", 0o600);
  const words = ["--disable-warning=ExperimentalWarning", join(root, "scripts", "connect.ts"), "--stack", stack];
  const child = spawn(process.execPath, words, { detached: true, cwd: root, stdio: ["ignore", log, log] });
  closeSync(log);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.unref();
  const deadline = Date.now() + 15_000;
  while (holderOf(stack)?.what !== whatOf(plan)) {
    if (ended || Date.now() > deadline) {
      const said = readFileSync(logOf(stack), "utf8").trim();
      throw new Failure(
        `the stack's ports cannot be forwarded: ${said.split("\n")[0]?.replace(/^\W+/, "") ?? "no answer"}`,
        "Type: npm run connect",
      );
    }
    await sleep(50);
  }
}
