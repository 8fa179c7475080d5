import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { lockFolder } from "../../adapters/clients/pglite-lock.ts";
import { holdDatabase } from "../../adapters/clients/sqlite.ts";
import { databasesIn } from "../../adapters/clients/sqlite-file.ts";
import { namespaceName } from "../../components/plan.ts";
import { root } from "../../stacks/place.ts";
import type { Report } from "../terminal/report.ts";
import { connectionsGone } from "./connect.ts";
import { forget, isInitialised } from "./credentials.ts";
import { readConfig } from "./file.ts";
import { serversOf, type Where } from "./servers.ts";

/** Deletes a stack: containers, data, credentials and settings. */
export async function removeStack(stack: string, report: Report, broken: boolean): Promise<void> {
  // Not the plan: settings that cannot be used, or that have changed since, must not keep anything from being deleted.
  const config = readConfig(stack);
  const folders = foldersOf(stack, config["agent-stores:storage"]);
  const held = await Promise.all(folders.map(holdEmbedded));
  if (isInitialised(stack)) {
    const servers = await serversOf(whereOf(stack, config));
    await report.step("pulumi", "deleting servers and data", async () => {
      await servers.remove(broken);
      return "servers and their data deleted";
    });
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  for (const release of held) release();
  connectionsGone(stack);
  await forget(stack);
}

/** Where its servers run, as its settings say. */
function whereOf(stack: string, config: Record<string, unknown>): Where {
  const said = (key: string) => String(config[`agent-stores:${key}`] ?? "");
  return {
    stack,
    root,
    target: said("target") === "kubernetes" ? "kubernetes" : "docker",
    engineHost: said("engineHost"),
    cluster: { context: said("kubeContext"), namespace: said("namespace") || namespaceName(stack), storageClass: "" },
  };
}

/** Where this stack may have kept data on this machine, under any settings it had: the default folder and the configured one. */
function foldersOf(stack: string, storage: unknown): string[] {
  const parents = [".local-data", ...(typeof storage === "string" && storage !== "volumes" ? [storage] : [])];
  return [...new Set(parents.map((parent) => resolve(root, parent, stack)))].filter((folder) => existsSync(folder));
}

/** Keeps other processes out of the embedded stores below a folder while it is deleted; throws when one is at work there. */
async function holdEmbedded(folder: string): Promise<() => void> {
  const releases: (() => void)[] = [];
  const release = () => {
    for (const one of releases) one();
  };
  try {
    for (const product of readdirSync(folder).map((name) => join(folder, name))) {
      if (existsSync(join(product, "lock"))) releases.push(await lockFolder(product));
      for (const database of databasesIn(product)) releases.push(await holdDatabase(database));
    }
  } catch (error) {
    release();
    throw error;
  }
  return release;
}
