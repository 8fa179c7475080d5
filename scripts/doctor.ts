import { existsSync, statSync } from "node:fs";
import { relative } from "node:path";
import { renderDocker } from "../components/docker.ts";
import type { Plan } from "../components/plan.ts";
import { SettingsError } from "../stacks/faults.ts";
import { root } from "../stacks/place.ts";
import { type Check, checkUpkeep } from "./machine/checks.ts";
import { findEngine } from "./machine/engine.ts";
import { answers } from "./machine/ready.ts";
import { isInitialised } from "./stack/credentials.ts";
import { checkEnv, envFiles, shadowed } from "./stack/dotenv.ts";
import { hasFile, readPlan } from "./stack/file.ts";
import { findPulumi, pulumi } from "./stack/pulumi.ts";
import { type Servers, serversOf } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";
import { Failure, size } from "./terminal/report.ts";

await command({
  name: "doctor",
  summary: "Look at the machine and the stack, and say for each fault what to type. Changes nothing.",
  async run({ stack }, report) {
    const checks = [node(), ...settings(stack), ...env(stack), ...(await machine(stack))];
    for (const { name, result, text, mend } of checks) {
      report.line(result, name, text, mend ? { mend } : {});
      if (result !== "ok") report.say(mend.replace(/^/gm, "               "));
    }
    const faults = checks.filter(({ result }) => result === "fault").length;
    if (faults > 0)
      throw new Failure(
        `${faults} fault${faults === 1 ? "" : "s"}`,
        "Mend the lines marked above, then: npm run doctor",
      );
  },
});

function check(name: string, result: Check["result"], text: string, mend = ""): Check {
  return { name, result, text, mend };
}

function node(): Check {
  return check("node", "ok", `${process.version}${process.execPath.includes("node_modules") ? " from npm" : ""}`);
}

function served({ services, urls }: Plan): string {
  const containers = services.map(({ product, roles }) => `${product} (${roles.join(" ")})`);
  const given = Object.keys(urls);
  return [...containers, ...(given.length > 0 ? [`by URL (${given.join(" ")})`] : [])].join(", ");
}

function settings(stack: string): Check[] {
  if (!hasFile(stack)) return [check("settings", "note", `the stack ${stack} has none yet`, "Type: npm run up")];
  try {
    const { plan } = readPlan(stack);
    return [check("settings", "ok", `target ${plan.target} · ${served(plan)}`)];
  } catch (error) {
    if (error instanceof SettingsError)
      return error.faults.map(({ key, what, mend }) => check("settings", "fault", `${key}: ${what}`, mend));
    if (error instanceof Failure) return [check("settings", "fault", error.message, error.mend)];
    throw error;
  }
}

function env(stack: string): Check[] {
  try {
    checkEnv(stack);
  } catch (error) {
    if (error instanceof Failure) return [check(".env", "fault", error.message, error.mend)];
    throw error;
  }
  return Object.values(envFiles(stack)).flatMap((path) => {
    const name = relative(root, path);
    if (!existsSync(path)) return check(".env", "note", `${name} is not written`, "Type: npm run up");
    const mode = statSync(path).mode & 0o777;
    const open = mode & 0o077 && process.platform !== "win32";
    return [
      open
        ? check(".env", "fault", `${name} can be read by others (mode ${mode.toString(8)})`, `Type: chmod 600 ${name}`)
        : check(".env", "ok", `${name} is yours alone`),
      ...shadowed(path).map((variable) =>
        check(
          ".env",
          "note",
          `${name} sets ${variable} twice: in our block and in a line of yours`,
          "The later line wins. Remove one of them.",
        ),
      ),
    ];
  });
}

/** The plan to hold against the machine: the stack's, or the default one. */
function planOf(stack: string): Plan | undefined {
  try {
    return readPlan(stack).plan;
  } catch {
    return undefined;
  }
}

async function machine(stack: string): Promise<Check[]> {
  const plan = planOf(stack);
  if (plan?.target === "kubernetes") return [...(await onCluster(plan)), await cli(true), ...checkUpkeep(plan)];
  const engine = await findEngine(plan?.engineHost);
  const needed = !plan || plan.target === "docker";
  if (engine.state === "absent")
    return [
      check(
        "engine",
        hasFile(stack) && needed ? "fault" : "note",
        "no container engine is installed",
        "Embedded stores work without one; for docker: https://docs.docker.com/get-docker/",
      ),
    ];
  if (engine.state === "dead")
    return [check("engine", needed ? "fault" : "note", `${engine.host} does not answer: ${engine.why}`, engine.mend)];
  const servers = plan?.target === "docker" ? await serversOf(plan) : undefined;
  const { version, host, context, cpus, memory } = engine.info;
  const where = context ? `context ${context}` : host;
  return [
    check("engine", "ok", `docker ${version} · ${where} · ${cpus} CPUs · ${size(memory)}`),
    await cli(needed),
    ...(plan && servers ? [...(await states(plan, servers)), ...(await servers.look(plan)), ...checkUpkeep(plan)] : []),
  ];
}

async function onCluster(plan: Plan): Promise<Check[]> {
  try {
    const servers = await serversOf(plan);
    const looked = await servers.look(plan);
    return [check("cluster", "ok", servers.title), ...(await states(plan, servers)), ...looked];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [check("cluster", "fault", error.message, error.mend)];
  }
}

/** How the servers of a stack that is up are doing. */
async function states(plan: Plan, servers: Servers): Promise<Check[]> {
  if (!plan.running) return [check("servers", "note", "the stack is down", "Type: npm run up")];
  if (!isInitialised(plan.stack)) return [];
  const all = await servers.list();
  const asked = plan.target === "docker" ? renderDocker(plan).services : [];
  return Promise.all(
    plan.services.map(async ({ product }) => {
      const found = all.find((server) => server.product === product);
      if (!found) return check(product, "fault", `has no ${servers.noun}`, "Type: npm run up");
      if (found.healthy) return check(product, "ok", "running, healthy");
      const { answersAt } = asked.find((service) => service.product === product) ?? {};
      if (found.running && answersAt && (await answers(answersAt))) return check(product, "ok", "running, answers");
      const state = found.running && answersAt ? `running, and ${answersAt} does not answer` : found.state;
      if (found.running && /starting/.test(found.state))
        return check(product, "note", "starting", "Look again in a moment.");
      return check(product, "fault", state, `Its last lines:\n${await servers.lastWords(product)}`);
    }),
  );
}

async function cli(needed: boolean): Promise<Check> {
  const found = findPulumi();
  if (!found)
    return check(
      "pulumi",
      needed ? "note" : "ok",
      "the CLI is not installed yet",
      "npm run up installs it, or: https://www.pulumi.com/docs/install/",
    );
  if (found.from.startsWith("the pulumi npm")) return check("pulumi", "ok", `from ${found.from}`);
  const { stdout } = await pulumi(["version"]);
  return check("pulumi", "ok", `${stdout.trim()} from ${found.from} (${found.path})`);
}
