import { spawn } from "node:child_process";
import { $ } from "zx";
import { row } from "../../components/catalogue/index.ts";
import { containerName } from "../../components/docker.ts";
import type { Plan } from "../../components/plan.ts";
import type { Line, Wanted } from "../logs/lines.ts";
import { type Check, checkCapacity, checkImages } from "../machine/checks.ts";
import {
  containersOf,
  lastWords,
  removeNetworks,
  removeStrays,
  removeVolumes,
  requireOwnership,
} from "../machine/containers.ts";
import { requireEngine } from "../machine/engine.ts";
import { execInside } from "../machine/exec.ts";
import { readLog } from "../machine/log.ts";
import { count, Failure, type Report, size } from "../terminal/report.ts";
import { type Before, bringUp, checkMachine } from "./bring-up.ts";
import { containersOfUpdate, deploy, destroy, recover, removeUnknown } from "./deploy.ts";
import { requireRunning } from "./file.ts";
import { makeGround } from "./ground.ts";

/** A product's server, as where it runs has it. */
export interface Server {
  product: string;
  /** In that place's own words. */
  state: string;
  running: boolean;
  /** It runs and has passed its probe. */
  healthy: boolean;
}

/** Where a stack's servers run, a container engine or a cluster, and all that commands do with them there. */
export interface Servers {
  /** What and how big it is, in a line. */
  title: string;
  /** What a server is there: a container, a pod. */
  noun: string;
  /** Whether it has what the plan wants, for people. */
  look(plan: Plan): Promise<Check[]>;
  /** Looks whether it has what the plan wants; throws a Failure where it lacks something. Resolves to what was found. */
  check(plan: Plan): Promise<string>;
  /** Makes what servers stand on before Pulumi makes them. Safe to repeat. */
  makeGround(plan: Plan): Promise<void>;
  /** Makes it run a plan whose settings are written. Resolves to the seconds that each server took, of those that were not healthy before. */
  bringUp(plan: Plan, report: Report, before: Before): Promise<ReadonlyMap<string, number>>;
  /** Makes it run a plan that is down; data stays. `broken`: the last command died half-way. */
  takeDown(plan: Plan, broken: boolean): Promise<void>;
  /** Deletes everything that the stack has there, data included. */
  remove(broken: boolean): Promise<void>;
  list(): Promise<Server[]>;
  /** Stops a product's server and starts it again. Resolves when it has been started. */
  restart(product: string): Promise<void>;
  /** Runs a program beside a product's server, with `input`; throws a Failure for any exit code but 0. */
  inside(product: string, program: readonly string[], input: string): Promise<void>;
  /** The same with this terminal, if there is one, and with variables that no argument of any process shows. Resolves to the exit code. */
  interactive(product: string, program: readonly string[], env: Record<string, string>): Promise<number>;
  /** Gives every line of a server's log to `take`. Resolves when the log ends: at once, or with `follow` when the server stops or `signal` aborts. */
  log(product: string, wanted: Wanted, take: (line: Line) => void, signal: AbortSignal): Promise<void>;
  /** The last lines that a server wrote. */
  lastWords(product: string): Promise<string>;
}

/** Makes sure that a stack is up and that the addresses of its `.env` lead to it. */
export async function requireReachable(plan: Plan): Promise<void> {
  requireRunning(plan);
  await reach(plan);
}

/** Makes sure that the addresses of `.env` lead to the stack's servers, whoever has started them. */
export async function reach(plan: Plan): Promise<void> {
  if (plan.target === "kubernetes" && plan.running && plan.services.length > 0)
    await (await import("../cluster/connection.ts")).ensureConnection(plan);
}

/** What is needed to find where a stack's servers run. */
export type Where = Pick<Plan, "stack" | "root" | "target" | "engineHost" | "cluster">;

/** Finds where the servers of a plan run, which answers, or throws a Failure with what to type. */
export async function serversOf(where: Where): Promise<Servers> {
  if (where.target !== "kubernetes") return onEngine(where);
  // Its client is big, and nobody else needs it.
  const { onCluster } = await import("../cluster/servers.ts");
  return onCluster(where);
}

async function onEngine({ stack, root, engineHost }: Where): Promise<Servers> {
  const engine = await requireEngine(engineHost);
  const { host } = engine;
  return {
    noun: "container",
    title: `docker ${engine.version} · ${count(engine.cpus, "CPU")} · ${size(engine.memory)}`,
    look: async (plan) => [...(await checkCapacity(plan, engine)), ...(await checkImages(plan, engine))],
    check: (plan) => checkMachine(plan, engine),
    makeGround: (plan) => makeGround(plan, host),
    bringUp: (plan, report, before) => bringUp(plan, engine, report, before),
    async takeDown(plan, broken) {
      await requireOwnership(plan, host);
      if (broken) await recover(stack, host);
      await removeUnknown(stack, host);
      await deploy(plan, containersOfUpdate(stack, host), broken);
    },
    async remove(broken) {
      await requireOwnership({ stack, root }, host);
      if (broken) await recover(stack, host);
      await destroy(stack, host);
      await removeStrays(stack, host, new Set());
      await removeNetworks(stack, host);
      await removeVolumes(stack, host);
    },
    async list() {
      // One that is being removed just now cannot be inspected.
      const found = await containersOf(stack, host).catch(() => containersOf(stack, host));
      return found.map(({ product, state, health }) => ({
        product,
        state: [state, health].filter(Boolean).join(", "),
        running: state === "running",
        healthy: state === "running" && health === "healthy",
      }));
    },
    async restart(product) {
      const name = containerName(stack, product);
      const { grace } = row(product).container?.stop ?? { grace: 0 };
      const ran = await $({ quiet: true, nothrow: true })`docker --host ${host} restart -t ${grace} ${name}`;
      if (ran.exitCode !== 0)
        throw new Failure(
          `the container ${name} cannot be restarted: ${ran.stderr.trim().split("\n").at(-1)}`,
          "Type: npm run up",
        );
    },
    inside: (product, program, input) =>
      insideContainer(["--host", host, "exec", "-i", containerName(stack, product), ...program], input),
    interactive: (product, program, env) => execInside(host, containerName(stack, product), program, env),
    log: (product, wanted, take, signal) => readLog(product, containerName(stack, product), host, wanted, take, signal),
    lastWords: (product) => lastWords(containerName(stack, product), host),
  };
}

async function insideContainer(words: string[], input: string): Promise<void> {
  const child = spawn("docker", words, { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk) => (complaint += chunk));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Failure(complaint.trim(), "Type: npm run doctor");
}
