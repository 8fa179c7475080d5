import { chownSync, mkdirSync } from "node:fs";
import { $ } from "zx";
import { renderDocker } from "../../components/docker.ts";
import type { Plan } from "../../components/plan.ts";
import { hasNetwork } from "../machine/containers.ts";
import { Failure } from "../terminal/report.ts";

/** Makes what containers stand on before Pulumi makes them: their network, and the folders of folder storage. Safe to repeat. */
export async function makeGround(plan: Plan, host: string): Promise<void> {
  makeFolders(plan);
  await makeNetwork(plan, host);
}

/** Before a container wants them: an engine would make them as root's. */
function makeFolders(plan: Plan): void {
  for (const { data, user } of plan.services) {
    if (!("folder" in data)) continue;
    mkdirSync(data.folder, { recursive: true, mode: 0o700 });
    const [uid, gid] = user.split(":").map(Number);
    if (process.getuid?.() === 0 && uid !== undefined && gid !== undefined) chownSync(data.folder, uid, gid);
  }
}

/** Here and not by Pulumi, whose provider waits two seconds whenever it makes, reads or removes a network. */
async function makeNetwork(plan: Plan, host: string): Promise<void> {
  if (await hasNetwork(plan.stack, host)) return;
  const { network } = renderDocker(plan);
  const labels = Object.entries(network.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  const made = await $({ quiet: true, nothrow: true })`docker --host ${host} network create ${labels} ${network.name}`;
  if (made.exitCode === 0 || /already exists/.test(made.stderr)) return;
  throw new Failure(
    `the network ${network.name} cannot be made: ${made.stderr.trim()}`,
    "Remove networks that nobody uses: docker network prune   Then the same command again.",
  );
}
