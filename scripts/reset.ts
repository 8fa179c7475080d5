import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { Option } from "commander";
import { lockFolder } from "../adapters/clients/pglite-lock.ts";
import { holdDatabase } from "../adapters/clients/sqlite.ts";
import { databasesIn } from "../adapters/clients/sqlite-file.ts";
import { root } from "../stacks/place.ts";
import { removeNetworks, removeStrays, removeVolumes, requireOwnership } from "./machine/containers.ts";
import { requireEngine } from "./machine/engine.ts";
import { connectionsGone } from "./stack/connect.ts";
import { forget, isInitialised } from "./stack/credentials.ts";
import { destroy, recover } from "./stack/deploy.ts";
import { checkEnv } from "./stack/dotenv.ts";
import { hasFile, readConfig } from "./stack/file.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";

await command<{ yes?: boolean }>({
  name: "reset",
  summary: "Delete the stack: containers, data, credentials and settings. Cannot be undone.",
  options: [new Option("--yes", "do not ask")],
  run: ({ stack, yes }, report) => withLock(stack, "reset", ({ broken }) => reset(stack, report, yes === true, broken)),
});

async function reset(stack: string, report: Report, yes: boolean, broken: boolean): Promise<void> {
  if (!hasFile(stack)) return report.line("note", "reset", `the stack ${stack} was never up: nothing to delete`);
  checkEnv(stack);
  // Not the plan: settings that cannot be used, or that have changed since, must not keep anything from being deleted.
  const config = readConfig(stack);
  const engineHost = String(config["agent-stores:engineHost"] ?? "");
  const folders = foldersOf(stack, config["agent-stores:storage"]);
  if (!yes)
    await ask(
      `This deletes the data, credentials and settings of the stack. Type its name (${stack}) to go on: `,
      stack,
    );
  const held = await Promise.all(folders.map(holdEmbedded));
  if (isInitialised(stack)) {
    const { host } = await requireEngine(engineHost);
    await requireOwnership({ stack, root }, host);
    await report.step("pulumi", "deleting containers and data", async () => {
      if (broken) await recover(stack, host);
      await destroy(stack, host);
      await removeStrays(stack, host, new Set());
      await removeNetworks(stack, host);
      await removeVolumes(stack, host);
      return "containers, networks and volumes deleted";
    });
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  for (const release of held) release();
  connectionsGone(stack);
  await forget(stack);
  report.line("ok", "reset", "data, credentials and settings are deleted");
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

async function ask(question: string, answer: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new Failure(
      "reset deletes data, so it asks first, and there is no terminal to ask on",
      "Type: npm run reset -- --yes",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const given = await terminal.question(question);
  terminal.close();
  if (given.trim() !== answer)
    throw new Failure("not confirmed: nothing was deleted", "Type: npm run reset   and then the stack's name");
}
