import { basename, relative } from "node:path";
import { row } from "../components/catalogue/index.ts";
import { BY_URL, type Plan } from "../components/plan.ts";
import { root } from "../stacks/place.ts";
import { install } from "./launch.mjs";
import { checkUpkeep } from "./machine/checks.ts";
import { containersOf } from "./machine/containers.ts";
import { findEngine } from "./machine/engine.ts";
import { chooseTarget } from "./machine/target.ts";
import { smoke } from "./smoke/smoke.ts";
import { type Before, isRunning } from "./stack/bring-up.ts";
import { connect, elsewhere } from "./stack/connect.ts";
import { checkEnv, envFiles, readOurs } from "./stack/dotenv.ts";
import { readPlan, withSettings, writeSettings } from "./stack/file.ts";
import { withFreePorts } from "./stack/free-ports.ts";
import { withLock } from "./stack/lock.ts";
import { type Servers, serversOf } from "./stack/servers.ts";
import { givenBack } from "./swap/steps.ts";
import { command } from "./terminal/command.ts";
import { count, Failure, type Report } from "./terminal/report.ts";
import { changesOf, type SettingsOptions, settingsOptions } from "./terminal/settings-options.ts";

await command<SettingsOptions>({
  name: "up",
  summary: "Bring the stores up, prepare them, write .env, and prove them with a short smoke run. Safe to repeat.",
  options: settingsOptions,
  help: "Examples:\n  npm run up\n  npm run up -- --port postgres=15432\n  npm run up -- --target embedded",
  run: (options, report) => withLock(options.stack, "up", ({ broken }) => up(options, report, broken)),
});

async function up(options: SettingsOptions & { stack: string }, report: Report, broken: boolean): Promise<void> {
  const { stack } = options;
  checkEnv(stack);
  const asked = await chooseTarget(stack, report, changesOf(options));
  const changes = await withFreePorts(stack, [...asked, ...givenBack(stack), { path: ["running"], value: true }]);
  const { plan } = readPlan(stack, changes);
  if (plan.target !== "embedded") {
    install("all");
    const servers = await serversOf(plan);
    report.say(`agent-stores · stack ${stack} · ${servers.title}`);
    await report.step("machine", "looking at ports, memory and images", () => servers.check(plan));
    const before = { broken, wasRunning: isRunning(stack) };
    if (!before.wasRunning) upkeepLines(plan, report);
    await withSettings(stack, changes, () => runServers(plan, servers, report, before));
  } else {
    report.say(`agent-stores · stack ${stack} · embedded`);
    await requireNoContainers(stack);
    writeSettings(stack, changes);
  }
  await report.step("prepare", "accounts, schema, buckets", () => connect(plan));
  if (plan.target === "embedded") embeddedLines(plan, report);
  for (const { where, roles } of elsewhere(plan, readOurs(envFiles(stack).admin)))
    report.line("ok", BY_URL, `runs elsewhere   ${where}   ${roles.join(" ")}`);
  if (Object.keys(plan.bindings).length === 0)
    return report.line("note", "roles", "every role is set to none: nothing runs");
  await smoke(plan, report, { quick: true });
  for (const { product, pending } of plan.services)
    for (const role of pending)
      report.line("note", "swap", `of ${role} to ${product} is unfinished   Go on: npm run swap ${role} ${product}`);
  const { app } = envFiles(stack);
  const variables = Object.keys(readOurs(app)).length;
  report.say(
    `  ${basename(app)} has ${count(variables, "variable")}.   Next: npm run status · npm run smoke · npm run down`,
  );
}

/** Containers that a change of target would leave behind keep their ports and their memory. */
async function requireNoContainers(stack: string): Promise<void> {
  const engine = await findEngine();
  const containers = engine.state === "answers" ? await containersOf(stack, engine.info.host) : [];
  const left = containers.find((container) => container.root === root);
  if (left)
    throw new Failure(
      `the container ${left.name} of this stack is still there`,
      "Type: npm run down   Then the same command again.",
    );
}

/** Once, before it is relied on: what nobody looks after any more, and what is maintained instead. */
function upkeepLines(plan: Plan, report: Report): void {
  for (const { result, text, mend } of checkUpkeep(plan))
    if (result === "note") report.line("note", "upkeep", `${text}   ${mend}`);
}

function embeddedLines(plan: Plan, report: Report): void {
  for (const { product, roles, data } of plan.services)
    report.line(
      "ok",
      product,
      `in your own process   ${"folder" in data ? relative(root, data.folder) : ""}   ${roles.join(" ")}`,
    );
}

async function runServers(plan: Plan, servers: Servers, report: Report, before: Before): Promise<void> {
  const ready = await servers.bringUp(plan, report, before);
  for (const { product, ports, roles, pending } of plan.services) {
    const { [row(product).console ?? ""]: page, ...others } = ports;
    const where = Object.values(others).map((port) => `127.0.0.1:${port}`);
    const took = ready.get(product);
    const seen = [took === undefined ? "healthy" : `ready in ${took.toFixed(1)} s`, where.join(" "), roles.join(" ")];
    if (pending.length > 0) seen.push(`to take over ${pending.join(" ")}`);
    if (page) seen.push(`console http://127.0.0.1:${page}`);
    report.line("ok", product, seen.join("   "), { ports });
  }
}
