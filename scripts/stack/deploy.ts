import type { Plan } from "../../components/plan.ts";
import { containersOf, lastWords, removeStrays } from "../machine/containers.ts";
import { watchForCrashes } from "../machine/ready.ts";
import { Failure } from "../terminal/report.ts";
import { complaint, pulumi } from "./pulumi.ts";

export interface Deployed {
  env: Record<string, string>;
  adminEnv: Record<string, string>;
}

/** What is seen of the servers while Pulumi works on them. */
export interface Watched {
  /** Address of the container engine, where there is one. */
  host?: string;
  /** Looks until `stop` for what the update cannot come right of, and resolves to it. */
  watch(stop: AbortSignal): Promise<Failure | undefined>;
  /** The update waits for what `watch` finds: it is interrupted. @default it ends by itself */
  interrupts?: true;
  /** What the servers tell of an update that failed. */
  explain(why: string): Promise<Failure | undefined>;
}

/** Runs `pulumi up`; with `refresh` it first looks at what is really there. Resolves to how many resources changed. */
export async function deploy(plan: Plan, watched: Watched, refresh = false): Promise<number> {
  const { stack } = plan;
  const [done, interrupt] = [new AbortController(), new AbortController()];
  const crash = watched.watch(done.signal).then((found) => {
    if (found && watched.interrupts) interrupt.abort();
    return found;
  });
  const words = ["up", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"];
  const options = { host: watched.host, signal: interrupt.signal };
  const output = await pulumi([...words, ...(refresh ? ["--refresh"] : [])], options).finally(() => done.abort());
  const crashed = await crash;
  // Its container was taken away, also where the update had ended before.
  if (crashed) throw crashed;
  if (output.exitCode !== 0) throw await failure(plan, watched, output.stdout, complaint(output));
  const changes = [...output.stdout.matchAll(/^\s+[+~-]+\s*(\d+) (?:created|updated|deleted|replaced)/gm)];
  return changes.reduce((sum, [, count]) => sum + Number(count), 0);
}

async function failure({ stack, running }: Plan, { explain }: Watched, text: string, why: string): Promise<Failure> {
  if (/currently locked/.test(text + why))
    return new Failure(
      "another pulumi is at work on this stack",
      `Wait for it; if none is: pulumi cancel --stack ${stack}`,
    );
  const explained = await explain(why).catch(() => undefined);
  return (
    explained ?? new Failure(`pulumi up failed: ${why}`, running ? "Type: npm run doctor" : "Run the command again.")
  );
}

/** The engine's containers, as an update sees them. */
export const containersOfUpdate = (stack: string, host: string): Watched => ({
  host,
  watch: (stop) => watchForCrashes(stack, host, stop),
  async explain(why) {
    for (const { product, health, state, id, error } of await containersOf(stack, host)) {
      if (state === "running" && (health === "healthy" || health === "")) continue;
      const words = error || (await lastWords(id, host)) || why;
      return new Failure(
        `${product} did not become ready (${[state, health].filter(Boolean).join(", ")})`,
        `Its last lines:\n${words}\nThen: npm run doctor`,
      );
    }
    return undefined;
  },
});

/** Removes every resource of the stack, data included. */
export async function destroy(stack: string, host?: string): Promise<void> {
  const output = await pulumi(["destroy", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"], { host });
  if (output.exitCode !== 0) throw new Failure(`pulumi destroy failed: ${complaint(output)}`, "Type: npm run doctor");
}

/** The variables for `.env` and `.env.admin` of a stack that is up; empty while it is down. */
export async function outputs(stack: string): Promise<Deployed> {
  const output = await pulumi(["stack", "output", "--stack", stack, "--json", "--show-secrets"]);
  if (output.exitCode !== 0)
    throw new Failure(`the outputs of stack ${stack} cannot be read: ${complaint(output)}`, "Type: npm run up");
  const { env = {}, adminEnv = {} } = JSON.parse(output.stdout || "{}") as Partial<Deployed>;
  return { env, adminEnv };
}

/** Puts right what a killed command left in Pulumi's state: its lock and its pending operations. */
export async function recover(stack: string, host?: string): Promise<void> {
  await pulumi(["cancel", "--stack", stack, "--yes"]); // fails when nothing is locked
  const refresh = await pulumi(["refresh", "--stack", stack, "--yes", "--skip-preview", "--clear-pending-creates"], {
    host,
  });
  if (refresh.exitCode !== 0)
    throw new Failure(`the state of stack ${stack} cannot be refreshed: ${complaint(refresh)}`, "Type: npm run doctor");
}

/** Removes containers and networks of the stack that Pulumi did not make: those of the exported compose file, or of a killed command. */
export async function removeUnknown(stack: string, host: string): Promise<void> {
  const state = await pulumi(["stack", "export", "--stack", stack]);
  const { deployment } = JSON.parse(state.stdout) as { deployment: { resources?: { id?: string }[] } };
  await removeStrays(stack, host, new Set((deployment.resources ?? []).flatMap(({ id }) => id ?? [])));
}
