import { messageOf, StoreError } from "../../adapters/errors.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { Plan } from "../../components/plan.ts";
import type { Role } from "../../components/product.ts";
import { Failure, type Report, seconds } from "../terminal/report.ts";
import { artifactSteps } from "./artifact/steps.ts";
import { eventSteps } from "./event/steps.ts";
import { memorySteps } from "./memory/steps.ts";
import { restartServers } from "./restart.ts";
import { runSteps } from "./run/steps.ts";
import { searchSteps } from "./search/steps.ts";
import { sessionSteps } from "./session/steps.ts";
import { type Context, type RoleSteps, type Step, WrongAnswer } from "./step.ts";
import { leftBehind, removeTenants, runName } from "./tenants.ts";
import { traceSteps } from "./trace/steps.ts";
import type { Turn } from "./turn.ts";
import { vectorSteps } from "./vector/steps.ts";

/** The steps of each role that can be filled. */
const STEPS: Partial<Record<Role, (context: Context) => RoleSteps>> = {
  vector: vectorSteps,
  memory: memorySteps,
  session: sessionSteps,
  artifact: artifactSteps,
  event: eventSteps,
  run: runSteps,
  search: searchSteps,
  trace: traceSteps,
};

export interface SmokeOptions {
  /** A few seconds, as part of `up`: no restart and no approximate index. */
  quick: boolean;
  /** Leave the tenants there, to look at. @default false */
  keep?: boolean;
}

/** What `up` wrote into `.env` and `.env.admin`. */
export interface Variables {
  env: Record<string, string>;
  adminEnv: Record<string, string>;
}

interface Done {
  name: string;
  role: string;
  store: string;
  seconds: number;
  result: "ok" | "fault";
  text: string;
}

/** One smoke run: its steps in order, what each saw, and the clean-up. */
export class Run {
  readonly name: string;
  readonly #plan: Plan;
  readonly #variables: Variables;
  readonly #options: Required<SmokeOptions>;
  readonly #report: Report;
  readonly #tenants = new Set<string>();
  readonly #done: Done[] = [];
  #stores;
  #fleet;
  #interrupted = false;

  constructor(plan: Plan, variables: Variables, options: Required<SmokeOptions>, report: Report) {
    this.name = runName(options.keep);
    this.#plan = plan;
    this.#variables = variables;
    this.#options = options;
    this.#report = report;
    this.#stores = openStores(variables.env);
    this.#fleet = openFleet(variables.adminEnv);
  }

  /** Runs every step, then removes the run's tenants, whatever happened. */
  async all(turn: Turn): Promise<string> {
    const started = performance.now();
    const interrupt = () => {
      this.#interrupted = true; // a second one ends the process at once
    };
    process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
    try {
      await this.#steps(turn);
      if (this.#interrupted) throw INTERRUPTED;
    } catch (error) {
      await this.#cleanUp().catch((fault) => this.#note(fault));
      throw error;
    } finally {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    }
    await this.#step({ name: "clean up", run: () => this.#cleanUp() });
    return `${this.#done.length} checks in ${seconds(performance.now() - started)}`;
  }

  async #steps(turn: Turn): Promise<void> {
    const context = this.#context();
    const roles = (Object.keys(this.#plan.bindings) as Role[]).map((role) => {
      const steps = STEPS[role]?.(context);
      if (!steps) throw new Error(`role ${role} has no smoke steps`);
      return steps;
    });
    for (const { steps } of roles) for (const step of steps) await this.#step(step);
    if (this.#options.quick) return;
    const pings = roles.map(({ ping }) => ping);
    if (this.#plan.services.length > 0)
      await this.#step({ name: "restart", run: () => turn.alone(() => this.#restart(pings)) });
    for (const { afterRestart } of roles) for (const step of afterRestart) await this.#step(step);
  }

  #context(): Context {
    const run = this;
    const idOf = (name: string) => `${this.name}-${name}`;
    return {
      plan: this.#plan,
      quick: this.#options.quick,
      run: this.name,
      handed: {},
      idOf,
      tenant: (name) => {
        this.#tenants.add(idOf(name));
        return this.#stores.tenant(idOf(name));
      },
      get fleet() {
        return run.#fleet; // another one after a reopening
      },
      urlOf: (role) => this.#variables.env[`${role.toUpperCase()}_URL`] ?? "",
    };
  }

  async #step({ name, role, run }: Step): Promise<void> {
    if (this.#interrupted) throw INTERRUPTED;
    const store = role ? this.#storeOf(role) : "";
    const started = performance.now();
    const done = (result: Done["result"], text: string) => {
      const step: Done = { name, role: role ?? "", store, seconds: (performance.now() - started) / 1000, result, text };
      this.#done.push(step);
      this.#report.data({ step: "smoke", check: name, ...step, name: undefined });
    };
    try {
      done("ok", await run());
    } catch (error) {
      done("fault", messageOf(error));
      const all = (Object.keys(this.#plan.bindings) as Role[]).map((bound) => this.#storeOf(bound));
      throw explain(error, name, store || [...new Set(all)].join(", "));
    }
  }

  #storeOf(role: Role): string {
    return this.#plan.bindings[role] ?? "";
  }

  async #restart(pings: readonly (() => Promise<unknown>)[]): Promise<string> {
    if (this.#plan.target !== "embedded") return restartServers(this.#plan, pings);
    await this.close();
    this.#stores = openStores(this.#variables.env);
    this.#fleet = openFleet(this.#variables.adminEnv);
    for (const ping of pings) await ping();
    return "closed and opened again";
  }

  async #cleanUp(): Promise<string> {
    if (this.#options.keep) return "nothing, as asked (--keep)";
    const removed = await removeTenants(this.#fleet, this.#tenants);
    if (this.#options.quick) return `${removed} tenants removed`;
    const old = await removeTenants(this.#fleet, leftBehind(await this.#fleet.tenants()));
    return `${removed} tenants removed${old > 0 ? `, and ${old} that an earlier run left behind` : ""}`;
  }

  #note(fault: unknown): void {
    if (!this.#done.some(({ result }) => result === "ok")) return; // nothing was written
    this.#report.line(
      "note",
      "left behind",
      `tenants ${this.name}-… (${messageOf(fault)}); a smoke run in an hour or later removes them`,
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#stores.close(), this.#fleet.close()]);
  }

  table(): void {
    this.#report.table(
      ["", "step", "role", "store", "seconds", "seen"],
      this.#done.map((step) => [
        step.result === "ok" ? "✔" : "✖",
        step.name,
        step.role,
        step.store,
        step.seconds.toFixed(2),
        step.text,
      ]),
    );
  }
}

const INTERRUPTED = new Failure("the smoke run was interrupted", "What it wrote is removed. Type: npm run smoke");

/** Without the store's name in front and the mend behind, which the failure says in places of their own. */
const what = ({ message, store, mend }: StoreError) => message.replace(`${store}: `, "").replace(` ${mend}`, "");

/** Names step, store, cause and mend. */
function explain(error: unknown, step: string, store: string): Failure {
  const where = `smoke step "${step}" on ${store}`;
  if (error instanceof Failure) return new Failure(`${where}: ${error.message}`, error.mend, error);
  if (error instanceof StoreError) return new Failure(`${where}: ${what(error)}`, error.mend, error);
  if (error instanceof WrongAnswer)
    return new Failure(
      `${where}: ${error.message}`,
      "The store answered wrongly. Look at the server: npm run doctor   Then run this again: npm run smoke",
      error,
    );
  return new Failure(
    `${where}: ${messageOf(error)}`,
    "Set DEBUG=agent-stores to see where, and run this again: npm run smoke",
    error,
  );
}
