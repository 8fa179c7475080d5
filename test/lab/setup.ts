import type { TestProject } from "vitest/node";
import { install } from "../../scripts/launch.mjs";
import { type Lab, prepareLab } from "./lab.ts";
import { refuseForeignStacks, removeAbandonedClones } from "./leftovers.ts";

declare module "vitest" {
  interface ProvidedContext {
    lab: Lab;
  }
}

/** Makes the lab once for all files of a run. */
export default async function setup(project: TestProject): Promise<void> {
  // Clones share these packages by hard links, so none of them may find something to install.
  install("all");
  process.stderr.write("lab\n");
  const lab = await prepareLab();
  await removeAbandonedClones();
  await refuseForeignStacks();
  project.provide("lab", lab);
}
