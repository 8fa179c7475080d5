import type { Plan } from "../../components/plan.ts";
import { checkCapacity, requireNoFault } from "../machine/checks.ts";
import { containersOf, hasNetwork, removeStrays, requireOwnership } from "../machine/containers.ts";
import type { EngineInfo } from "../machine/engine.ts";
import { isPresent, pull } from "../machine/images.ts";
import { waitUntilReady } from "../machine/ready.ts";
import { count, Failure, type Report, seconds } from "../terminal/report.ts";
import { initialise, isInitialised, mendMissing } from "./credentials.ts";
import { containersOfUpdate, deploy, recover, removeUnknown } from "./deploy.ts";
import { hasFile, readConfig } from "./file.ts";
import { makeGround } from "./ground.ts";

/** Looks whether the engine has what the plan wants, and fetches images that are not there. Resolves to what was found. */
export async function checkMachine(plan: Plan, engine: EngineInfo): Promise<string> {
  await requireOwnership(plan, engine.host);
  const checks = await checkCapacity(plan, engine);
  requireNoFault(checks);
  let fetched = 0;
  for (const { product, image } of plan.services) {
    if (await isPresent(image, engine.host)) continue;
    await pull(product, image, engine.host);
    fetched++;
  }
  const memory = checks.find(({ name }) => name === "memory")?.text;
  return `ports free · ${memory} · ${count(plan.services.length, "image")} present${fetched > 0 ? ` (${fetched} fetched)` : ""}`;
}

/** What was so before the settings were changed. */
export interface Before {
  /** The last command died half-way. */
  broken: boolean;
  /** The settings say that the stack is up. */
  wasRunning: boolean;
}

/** Whether the settings say that the stack is up. */
export const isRunning = (stack: string): boolean =>
  hasFile(stack) && String(readConfig(stack)["agent-stores:running"]) === "true";

/**
 * Makes the engine run a plan whose settings are written: what stands in the way is put right, credentials are made, and every server answers when it resolves. Resolves to
 * the seconds that each took, of those that were not healthy before.
 */
export async function bringUp(
  plan: Plan,
  engine: EngineInfo,
  report: Report,
  before: Before,
): Promise<ReadonlyMap<string, number>> {
  await putRight(plan, engine, report, before);
  await makeCredentials(plan, report);
  const started = Date.now();
  const refresh = !(await matches(plan, engine, before));
  await makeGround(plan, engine.host);
  let ready: ReadonlyMap<string, number> = new Map();
  await report.step("pulumi", "pulumi up", async () => {
    const changed = await deploy(plan, containersOfUpdate(plan.stack, engine.host), refresh);
    ready = await waitUntilReady(plan, engine.host);
    return changesSince(started, changed);
  });
  return ready;
}

/** Makes the credentials that are not there. Throws a Failure for those that only the user can give. */
export async function makeCredentials(plan: Plan, report: Report): Promise<void> {
  const { made, missing } = await initialise(plan.stack, plan);
  if (missing.length > 0)
    throw new Failure(`the settings ask for ${missing.map(({ name }) => name).join(", ")}`, mendMissing(missing));
  if (made.length > 0) report.line("ok", "secrets", `made ${count(made.length, "credential")}`);
}

/** Puts right what a killed command left, and says so. */
export const recovering = (report: Report, work: () => Promise<void>): Promise<void> =>
  report.step("recover", "an earlier command was killed: putting the state right", async () => {
    await work();
    return "an earlier command was killed: its leftovers are put right";
  });

/** What an update came to, in words. */
export const changesSince = (started: number, changed: number): string =>
  `${changed > 0 ? count(changed, "change") : "no change"} in ${seconds(Date.now() - started)}`;

/** What Pulumi did not make, or knows only half, would stand in its way. */
async function putRight(plan: Plan, { host }: EngineInfo, report: Report, { broken }: Before): Promise<void> {
  const { stack } = plan;
  if (!isInitialised(stack)) await removeStrays(stack, host, new Set());
  else if (broken)
    await recovering(report, async () => {
      await recover(stack, host);
      await removeUnknown(stack, host);
    });
  else if ((await containersOf(stack, host)).some(({ byCompose }) => byCompose)) await removeUnknown(stack, host);
}

/** Whether the engine has what Pulumi believes it has: somebody may have stopped or removed a container, or pruned the network. */
async function matches(plan: Plan, { host }: EngineInfo, { wasRunning }: Before): Promise<boolean> {
  if (!isInitialised(plan.stack)) return true;
  const running = (await containersOf(plan.stack, host)).filter(({ state }) => state === "running").length;
  return (await hasNetwork(plan.stack, host)) && (!wasRunning || running >= plan.services.length);
}
