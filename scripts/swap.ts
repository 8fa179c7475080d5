import { Option } from "commander";
import { openFleet } from "../adapters/index.ts";
import { empty } from "../adapters/move/copy.ts";
import { heldBy } from "../adapters/move/held.ts";
import { row } from "../components/catalogue/index.ts";
import type { Swap } from "../components/plan.ts";
import type { Role } from "../components/product.ts";
import { install } from "./launch.mjs";
import { removeData } from "./machine/data.ts";
import { smoke } from "./smoke/smoke.ts";
import { checkEnv, envFiles, readOurs } from "./stack/dotenv.ts";
import { type Change, readPlan } from "./stack/file.ts";
import { freePort, withFreePorts } from "./stack/free-ports.ts";
import { withLock } from "./stack/lock.ts";
import { copyAndCompare } from "./swap/copying.ts";
import { checkMove, type Moving, movingOf, takesPlace } from "./swap/move.ts";
import { type Stage, stageOf } from "./swap/stage.ts";
import { swapChanges, withoutSwap } from "./swap/steps.ts";
import { heldText, roleAt } from "./swap/stores.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";

interface Options {
  dryRun?: boolean;
  over?: boolean;
  back?: boolean;
  discard?: boolean;
}

await command<Options>({
  name: "swap",
  summary:
    "Move a role to another product with its data: copied, compared, then switched. What the old one holds is kept.",
  arguments: "<role> [product]",
  options: [
    new Option("--dry-run", "only say what would be done, and whether it can be"),
    new Option("--over", "replace what the new product holds of the role already"),
    new Option("--back", "return to the product before, as it was: of a swap that is unfinished, or done").conflicts([
      "discard",
      "over",
    ]),
    new Option("--discard", "give up what the product before still holds"),
  ],
  help: "npm run swap vector qdrant         readers go on meanwhile, writers are refused\nnpm run swap vector -- --back      what was written since stays in the new product\nnpm run swap vector -- --discard\nSafe to repeat: after a kill, type it again, or npm run up to go on as before.",
  run: ({ stack, ...options }, report, words) =>
    withLock(stack, "swap", ({ broken }) => swap(stack, words, options, report, broken)),
});

async function swap(stack: string, words: string[], options: Options, report: Report, broken: boolean): Promise<void> {
  const [word = "", product] = words;
  checkEnv(stack);
  const moving = movingOf(stack, word);
  const asked = product !== undefined && !options.back && !options.discard;
  if (words.length > 2 || (!asked && (product !== undefined || !(options.back || options.discard))))
    throw new Failure(
      "say which product is to take the role over, or --back or --discard",
      "Type: npm run swap -- --help",
    );
  if (asked && product === moving.product)
    return report.line("note", "swap", `${product} serves ${moving.role} already`);
  if (asked) checkMove(moving, product, options.over === true);
  install("all");
  const stage = await stageOf(stack, moving.plan.engineHost, report, broken);
  if (options.discard) await discard(moving, stage, report);
  else if (options.back) await back(moving, stage, report);
  else if (options.dryRun) await dryRun(moving, product ?? "", stage, report);
  else await forth(moving, product ?? "", options.over === true, stage, report);
}

async function forth(moving: Moving, to: string, over: boolean, stage: Stage, report: Report): Promise<void> {
  const { stack, role, product: from, swap } = moving;
  report.say(`agent-stores · stack ${stack} · ${role}: ${from} → ${to}`);
  const resumed = swap !== undefined && swap.step !== "kept";
  const moved = resumed ? { ports: swap.ports, away: swap.away } : await portsOf(from, to);
  if (swap?.step !== "copied") {
    await stage.to(swapChanges(role, { with: to, step: "beside", ...moved }));
    report.line("ok", "beside", `${to} runs beside ${from}`);
    if (!over && !resumed) await requireEmpty(stack, role, to);
    await stage.to(swapChanges(role, { with: to, step: "copying", ...moved }));
    report.line("ok", "freeze", frozenText(role, from));
    await using old = roleAt(stack, role, from);
    await using fresh = roleAt(stack, role, to);
    await copyAndCompare(`swap-${stack}-${role}`, old, fresh, report);
  }
  if (takesPlace(from, to)) await stage.to(swapChanges(role, { with: to, step: "copied", ...moved }));
  await flip(moving, to, stage, report);
  report.say(
    `  ${from} keeps what it held, frozen.   Back to it: npm run swap ${role} -- --back   Give it up: npm run swap ${role} -- --discard`,
  );
}

/** Where the new one is beside the old, and where the old one is while it is copied: as usual, unless both want one place or the old one freezes so. */
async function portsOf(from: string, to: string): Promise<Pick<Swap, "ports" | "away">> {
  return {
    ports: takesPlace(from, to) ? await portsFor(to) : {},
    away: row(from).freezes === "port" ? await portsFor(from) : {},
  };
}

function frozenText(role: Role, product: string): string {
  const readers = row(product).freezes === "port" ? "nor reads: its port is another" : "readers go on";
  return `nobody writes ${role} on ${product} from now on; ${readers}`;
}

async function portsFor(product: string): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const name of Object.keys(row(product).container?.ports ?? {}))
    ports[name] = await freePort(new Set(Object.values(ports)));
  return ports;
}

async function requireEmpty(stack: string, role: Role, product: string): Promise<void> {
  await using there = roleAt(stack, role, product);
  const held = await heldBy(there.fleet);
  if (held.tenants.length === 0) return;
  throw new Failure(
    `${product} holds of ${role} already: ${heldText(held)}`,
    `Replace it: npm run swap ${role} ${product} -- --over   Or leave it: npm run swap ${role} -- --back`,
  );
}

/** Gives the role to the other product of its swap; what the one before holds is kept. */
async function flip({ stack, role, product: from }: Moving, to: string, stage: Stage, report: Report): Promise<void> {
  const changes: Change[] = [
    { path: [role], value: to },
    ...swapChanges(role, { with: from, step: "kept", ports: {}, away: {} }),
  ];
  await stage.to(changes);
  await indexArtifacts(stack, role);
  report.line("ok", "switch", `${to} serves ${role}`);
  await smoke(readPlan(stack).plan, report, { quick: true });
}

/** The index in the database describes what served before: times, and what was written in between. */
async function indexArtifacts(stack: string, role: Role): Promise<void> {
  const variables = readOurs(envFiles(stack).admin);
  if (role !== "artifact" || !variables.ARTIFACT_INDEX_URL) return;
  await using fleet = openFleet(variables);
  await fleet.artifact.repair({ olderThanMs: 0 });
}

async function back(moving: Moving, stage: Stage, report: Report): Promise<void> {
  const { stack, role, product, swap } = moving;
  if (!swap) throw new Failure(`${role} was not swapped`, `Swap it: npm run swap ${role} <product>`);
  if (swap.step === "kept") {
    report.say(`agent-stores · stack ${stack} · ${role}: back from ${product} to ${swap.with}`);
    await flip(moving, swap.with, stage, report);
    report.say(
      `  What was written since the swap is not in ${swap.with}: ${product} keeps it, frozen.   Back to that: npm run swap ${role} -- --back`,
    );
    return;
  }
  report.say(`agent-stores · stack ${stack} · ${role} stays with ${product}`);
  await giveUp(moving, swap.with, stage);
  report.line("ok", "back", `${product} serves ${role} as before, and what ${swap.with} had of it is gone`);
  await smoke(readPlan(stack).plan, report, { quick: true });
}

async function discard(moving: Moving, stage: Stage, report: Report): Promise<void> {
  const { role, product, swap } = moving;
  if (!swap) return report.line("note", "discard", `nothing is kept of ${role}`);
  if (swap.step !== "kept")
    throw new Failure(
      `the swap of ${role} to ${swap.with} is unfinished`,
      `Go on: npm run swap ${role} ${swap.with}   Or leave it: npm run swap ${role} -- --back`,
    );
  await giveUp(moving, swap.with, stage);
  report.line("ok", "discard", `${product} serves ${role}, and what ${swap.with} held of it is gone`);
}

/** Ends a swap and deletes what the other product holds of the role: all it has, or one role among others that it serves. */
async function giveUp({ stack, role, settings }: Moving, product: string, stage: Stage): Promise<void> {
  const stays = Object.values(settings.roles).includes(product);
  await stage.to(withoutSwap(role));
  if (stays) {
    await using there = roleAt(stack, role, product);
    await empty(there.fleet);
  } else await removeData(stack, product, stage.engine.host);
}

async function dryRun(moving: Moving, to: string, stage: Stage, report: Report): Promise<void> {
  const { stack, role, product: from } = moving;
  const moved = await portsOf(from, to);
  const { plan } = readPlan(
    stack,
    await withFreePorts(stack, swapChanges(role, { with: to, step: "beside", ...moved })),
  );
  await report.step("machine", "looking at ports, memory and images", () => stage.check(plan));
  await using old = roleAt(stack, role, from);
  report.line("ok", from, `holds ${heldText(await heldBy(old.fleet))}`);
  const service = plan.services.find(({ product }) => product === to);
  const where = Object.values(service?.ports ?? {}).map((port) => `127.0.0.1:${port}`);
  const steps = [
    `start ${to} beside ${from}, at ${where.join(" ")}${service?.roles.length ? " (it runs already)" : ""}`,
    `freeze: ${frozenText(role, from)}`,
    "copy, and compare record by record",
    `switch ${role} to ${to}, write .env, smoke`,
    `keep what ${from} holds, frozen, until: npm run swap ${role} -- --discard`,
  ];
  for (const [i, text] of steps.entries()) report.line("note", String(i + 1), text);
  report.say(`  Nothing was changed.   Do it: npm run swap ${role} ${to}`);
}
