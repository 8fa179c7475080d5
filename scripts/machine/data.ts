import { rmSync } from "node:fs";
import { $ } from "zx";
import { alternatesOf } from "../../components/plan.ts";
import { here } from "../../stacks/place.ts";
import { readPlan } from "../stack/file.ts";
import { Failure } from "../terminal/report.ts";

/** Deletes the data of a product that is not in the plan: its volume or its folder. Safe to repeat. */
export async function removeData(stack: string, product: string, host: string): Promise<void> {
  const gone = alternatesOf(readPlan(stack).settings, here()).find((service) => service.product === product);
  if (!gone) return;
  if ("folder" in gone.data) return rmSync(gone.data.folder, { recursive: true, force: true });
  if (!("volume" in gone.data)) return;
  const { volume } = gone.data;
  const removed = await $({ quiet: true, nothrow: true })`docker --host ${host} volume rm ${volume}`;
  if (removed.exitCode === 0 || /no such volume/i.test(removed.stderr)) return;
  throw new Failure(
    `the volume ${volume} cannot be deleted: ${removed.stderr.trim()}`,
    `Later: docker volume rm ${volume}`,
  );
}
