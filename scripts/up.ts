import { basename, relative } from "node:path";
import { row } from "../components/catalogue/index.ts";
import { BY_URL, type Plan } from "../components/plan.ts";
import { root } from "../stacks/place.ts";
import { install } from "./launch.mjs";
import { checkCapacity } from "./machine/checks.ts";
import { containersOf, hasNetwork, removeStrays, requireOwnership } from "./machine/containers.ts";
import { type EngineInfo, findEngine, requireEngine } from "./machine/engine.ts";
import { isPresent, pull } from "./machine/images.ts";
import { waitUntilReady } from "./machine/ready.ts";
import { chooseTarget } from "./machine/target.ts";
import { smoke } from "./smoke/smoke.ts";
import { connect, elsewhere } from "./stack/connect.ts";
import { initialise, isInitialised, mendMissing } from "./stack/credentials.ts";
import { deploy, recover, removeUnknown } from "./stack/deploy.ts";
import { checkEnv, envFiles, readOurs } from "./stack/dotenv.ts";
import { hasFile, readConfig, readPlan, withSettings, writeSettings } from "./stack/file.ts";
import { withFreePorts } from "./stack/free-ports.ts";
import { makeGround } from "./stack/ground.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import { count, Failure, type Report, seconds, size } from "./terminal/report.ts";
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
  const changes = await withFreePorts(stack, [...asked, { path: ["running"], value: true }]);
  const { plan } = readPlan(stack, changes);
  if (plan.target === "docker") {
    install("all");
    const engine = await requireEngine(plan.engineHost);
    report.say(
      `agent-stores · stack ${stack} · docker ${engine.version} · ${count(engine.cpus, "CPU")} · ${size(engine.memory)}`,
    );
    await report.step("machine", "looking at ports, memory and images", () => checkMachine(plan, engine));
    const wasRunning = hasFile(stack) && String(readConfig(stack)["agent-stores:running"]) === "true";
    await withSettings(stack, changes, () => runContainers(plan, engine, report, { broken, wasRunning }));
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

function embeddedLines(plan: Plan, report: Report): void {
  for (const { product, roles, data } of plan.services)
    report.line(
      "ok",
      product,
      `in your own process   ${"folder" in data ? relative(root, data.folder) : ""}   ${roles.join(" ")}`,
    );
}

async function checkMachine(plan: Plan, engine: EngineInfo): Promise<string> {
  await requireOwnership(plan, engine.host);
  const checks = await checkCapacity(plan, engine);
  const fault = checks.find(({ result }) => result === "fault");
  if (fault) throw new Failure(fault.text, fault.mend);
  let fetched = 0;
  for (const { product, image } of plan.services) {
    if (await isPresent(image, engine.host)) continue;
    await pull(product, image, engine.host);
    fetched++;
  }
  const memory = checks.find(({ name }) => name === "memory")?.text;
  return `ports free · ${memory} · ${count(plan.services.length, "image")} present${fetched > 0 ? ` (${fetched} fetched)` : ""}`;
}

interface Before {
  /** The last command died half-way. */
  broken: boolean;
  /** The settings say that the stack is up. */
  wasRunning: boolean;
}

async function runContainers(plan: Plan, engine: EngineInfo, report: Report, before: Before): Promise<void> {
  const { stack } = plan;
  await putRight(plan, engine, report, before);
  const { made, missing } = await initialise(stack, plan);
  if (missing.length > 0)
    throw new Failure(`the settings ask for ${missing.map(({ name }) => name).join(", ")}`, mendMissing(missing));
  if (made.length > 0) report.line("ok", "secrets", `made ${count(made.length, "credential")}`);
  const started = Date.now();
  const refresh = !(await matches(plan, engine, before));
  await makeGround(plan, engine.host);
  let changed = 0;
  let ready: ReadonlyMap<string, number> = new Map();
  await report.step("pulumi", "pulumi up", async () => {
    changed = await deploy(stack, plan, engine.host, refresh);
    ready = await waitUntilReady(plan, engine.host);
    return `${changed > 0 ? count(changed, "change") : "no change"} in ${seconds(Date.now() - started)}`;
  });
  for (const { product, ports, roles } of plan.services) {
    const { [row(product).console ?? ""]: page, ...others } = ports;
    const where = Object.values(others).map((port) => `127.0.0.1:${port}`);
    const took = ready.get(product);
    const seen = [took === undefined ? "healthy" : `ready in ${took.toFixed(1)} s`, where.join(" "), roles.join(" ")];
    if (page) seen.push(`console http://127.0.0.1:${page}`);
    report.line("ok", product, seen.join("   "), { ports });
  }
}

/** What Pulumi did not make, or knows only half, would stand in its way. */
async function putRight(plan: Plan, { host }: EngineInfo, report: Report, { broken }: Before): Promise<void> {
  const { stack } = plan;
  if (!isInitialised(stack)) await removeStrays(stack, host, new Set());
  else if (broken)
    await report.step("recover", "an earlier command was killed: putting the state right", async () => {
      await recover(stack, host);
      return "an earlier command was killed: its leftovers are put right";
    });
  else if ((await containersOf(stack, host)).some(({ byCompose }) => byCompose)) await removeUnknown(stack, host);
}

/** Whether the engine has what Pulumi believes it has: somebody may have stopped or removed a container, or pruned the network. */
async function matches(plan: Plan, { host }: EngineInfo, { wasRunning }: Before): Promise<boolean> {
  if (!isInitialised(plan.stack)) return true;
  const running = (await containersOf(plan.stack, host)).filter(({ state }) => state === "running").length;
  return (await hasNetwork(plan.stack, host)) && (!wasRunning || running >= plan.services.length);
}
