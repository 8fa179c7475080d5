import { existsSync } from "node:fs";
import { $ } from "zx";
import { networkName } from "../../components/docker.ts";
import type { Plan } from "../../components/plan.ts";
import { Failure } from "../terminal/report.ts";

/** A container of a stack, as the engine has it. */
export interface Found {
  id: string;
  name: string;
  product: string;
  /** The checkout that runs it. */
  root: string;
  image: string;
  /** created, running, exited, … */
  state: string;
  /** healthy, unhealthy, starting; empty without a healthcheck. */
  health: string;
  /** What the engine says of a start that failed; empty otherwise. */
  error: string;
  /** Started from the exported compose file, so Pulumi does not know it. */
  byCompose: boolean;
  /** Ports of this machine that it answers on while it runs. */
  ports: number[];
  /** When it was made and when it last started, in milliseconds since 1970. */
  made: number;
  began: number;
  /** How often the engine has started it again. */
  restarts: number;
}

interface Inspected {
  Id: string;
  Name: string;
  Created: string;
  RestartCount: number;
  HostConfig: { PortBindings: Record<string, { HostPort: string }[] | null> | null };
  Config: { Image: string; Labels: Record<string, string> };
  State: {
    Status: string;
    StartedAt: string;
    Error: string;
    Health?: { Status: string };
  };
}

/** The stack's containers, by label. */
export async function containersOf(stack: string, host: string): Promise<Found[]> {
  const label = `label=agent-stores.stack=${stack}`;
  const ids = (await $({ quiet: true })`docker --host ${host} ps -aq --filter ${label}`).stdout
    .trim()
    .split("\n")
    .filter(Boolean);
  if (ids.length === 0) return [];
  // One that was removed meanwhile is left out of what it prints.
  const { stdout } = await $({ quiet: true, nothrow: true })`docker --host ${host} inspect ${ids}`;
  return (JSON.parse(stdout || "[]") as Inspected[]).map(
    ({ Id, Name, Created, RestartCount, HostConfig, Config, State }) => ({
      id: Id,
      name: Name.slice(1),
      product: Config.Labels["agent-stores.product"] ?? "",
      root: Config.Labels["agent-stores.root"] ?? "",
      image: Config.Image,
      state: State.Status,
      health: State.Health?.Status ?? "",
      error: State.Error,
      byCompose: "com.docker.compose.project" in Config.Labels,
      ports: Object.values(HostConfig.PortBindings ?? {}).flatMap((bound) =>
        (bound ?? []).map(({ HostPort }) => Number(HostPort)),
      ),
      made: Date.parse(Created),
      began: Date.parse(State.StartedAt),
      restarts: RestartCount,
    }),
  );
}

/**
 * Throws a Failure when the stack's containers or network are another checkout's: names on an engine come from the stack alone. One that is
 * not there any more has moved, and counts as this one.
 */
export async function requireOwnership({ stack, root }: Pick<Plan, "stack" | "root">, host: string): Promise<void> {
  const format = '{{.Label "agent-stores.root"}}';
  const label = `label=agent-stores.stack=${stack}`;
  const found = await Promise.all([
    $({ quiet: true })`docker --host ${host} ps -a --filter ${label} --format ${format}`,
    $({ quiet: true })`docker --host ${host} network ls --filter ${label} --format ${format}`,
  ]);
  const owners = found.flatMap(({ stdout }) => stdout.split("\n").filter(Boolean));
  const other = owners.find((owner) => owner !== root && existsSync(owner));
  if (other)
    throw new Failure(
      `the stack ${stack} on this engine belongs to another checkout: ${other}`,
      "Use a name of your own: --stack mine   Or delete it there: npm run reset",
    );
}

/** Removes the stack's volumes, with the data in them. */
export async function removeVolumes(stack: string, host: string): Promise<void> {
  const label = `label=agent-stores.stack=${stack}`;
  const { stdout } = await $({ quiet: true })`docker --host ${host} volume ls --quiet --filter ${label}`;
  const names = stdout.split("\n").filter(Boolean);
  if (names.length > 0) await $({ quiet: true })`docker --host ${host} volume rm ${names}`;
}

/** The last lines that a container wrote. */
export async function lastWords(id: string, host: string, lines = 5): Promise<string> {
  const { stdout, stderr } = await $({ quiet: true, nothrow: true })`docker --host ${host} logs --tail ${lines} ${id}`;
  return `${stdout}${stderr}`.trim();
}

/**
 * Removes what an interrupted `up`, a lost state or the exported compose file left on the engine: the stack's containers that Pulumi does not know, so that
 * their names are free again, and networks but its own. Data is in volumes or folders, which stay.
 */
export async function removeStrays(stack: string, host: string, known: ReadonlySet<string>): Promise<void> {
  const containers = (await containersOf(stack, host)).filter(({ id }) => !known.has(id)).map(({ id }) => id);
  if (containers.length > 0) await $({ quiet: true })`docker --host ${host} rm -f ${containers}`;
  await removeNetworks(stack, host, networkName(stack));
}

/** Removes the stack's networks, but the one of that name. */
export async function removeNetworks(stack: string, host: string, kept?: string): Promise<void> {
  for (const name of await networksOf(stack, host))
    if (name !== kept) await $({ quiet: true, nothrow: true })`docker --host ${host} network rm ${name}`;
}

async function networksOf(stack: string, host: string): Promise<string[]> {
  const label = `label=agent-stores.stack=${stack}`;
  const { stdout } = await $({
    quiet: true,
  })`docker --host ${host} network ls --filter ${label} --format ${"{{.Name}}"}`;
  return stdout.split("\n").filter(Boolean);
}

/** Whether the stack's own network is there; without it no container starts. */
export const hasNetwork = async (stack: string, host: string) =>
  (await networksOf(stack, host)).includes(networkName(stack));
