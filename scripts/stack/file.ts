import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Document, isMap, parseDocument } from "yaml";
import { makePlan, type Plan, type Settings } from "../../components/plan.ts";
import { here, root } from "../../stacks/place.ts";
import { parse } from "../../stacks/settings.ts";
import { Failure } from "../terminal/report.ts";

const pathOf = (stack: string) => join(root, "stacks", `Pulumi.${stack}.yaml`);

/** Whether the stack has a settings file: `init` or `up` ran for it, or somebody wrote one. */
export const hasFile = (stack: string) => existsSync(pathOf(stack));

/** The other stacks of this checkout that have settings. */
export const otherStacks = (stack: string): string[] =>
  readdirSync(join(root, "stacks"))
    .flatMap((file) => /^Pulumi\.([a-z0-9-]+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((other) => other !== stack);

/** The raw configuration of a stack; secrets are still encrypted. */
export function readConfig(stack: string): Record<string, unknown> {
  return configOf(open(stack));
}

/** Whether Pulumi has put its key into the file, which it does when it makes the stack. */
export const isEncrypted = (stack: string) => ["encryptionsalt", "secretsprovider"].some((key) => open(stack).has(key));

/** What a passphrase is salted with; undefined for another secrets provider. */
export function encryptionSalt(stack: string): string | undefined {
  const salt = open(stack).get("encryptionsalt");
  return typeof salt === "string" ? salt : undefined;
}

/** A setting to change: where (`["budgets", "postgres", "memory"]`) and to what. */
export interface Change {
  path: readonly string[];
  value: unknown;
}

/** The checked settings and the plan, without the Pulumi CLI. `changes` are settings that are not in the file yet. */
export function readPlan(stack: string, changes: readonly Change[] = []): { settings: Settings; plan: Plan } {
  const settings = parse(stack, configOf(apply(open(stack), changes)));
  return { settings, plan: makePlan(settings, here()) };
}

/** The same, of a stack that somebody has brought up or initialised. */
export function knownPlan(stack: string): { settings: Settings; plan: Plan } {
  if (!hasFile(stack)) throw new Failure(`the stack ${stack} was never up`, "Type: npm run up");
  return readPlan(stack);
}

export function requireRunning({ stack, running }: Plan): void {
  if (!running) throw new Failure(`the stack ${stack} is down`, "Type: npm run up");
}

/** Runs `work` under changed settings, and takes the changes back when it fails: what was refused leaves no trace. */
export async function withSettings(
  stack: string,
  changes: readonly Change[],
  work: () => Promise<void>,
): Promise<void> {
  const document = open(stack);
  const before = changes.map(({ path }) => ({ path, value: document.getIn(fullPath(path)) }));
  const textBefore = textOf(stack);
  writeSettings(stack, changes);
  const textAfter = textOf(stack);
  try {
    await work();
  } catch (error) {
    // Pulumi may have put credentials into the file meanwhile, which must stay.
    if (textBefore !== undefined && textOf(stack) === textAfter) write(stack, textBefore);
    else writeSettings(stack, before);
    throw error;
  }
}

const textOf = (stack: string) => (hasFile(stack) ? readFileSync(pathOf(stack), "utf8") : undefined);

function write(stack: string, text: string): void {
  const path = pathOf(stack);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Writes settings into the stack's file, keeping its comments, its secrets and everything else. */
export function writeSettings(stack: string, changes: readonly Change[]): void {
  const document = open(stack);
  const before = JSON.stringify(document);
  apply(document, changes);
  if (hasFile(stack) && JSON.stringify(document) === before) return;
  write(stack, document.toString({ lineWidth: 0 }));
}

/** Removes the stack's settings with its credentials. */
export const removeFile = (stack: string) => rmSync(pathOf(stack), { force: true });

const configOf = (document: Document) => (document.toJS() as { config?: Record<string, unknown> } | null)?.config ?? {};

const fullPath = ([key = "", ...rest]: readonly string[]) => ["config", `agent-stores:${key}`, ...rest];

function apply(document: Document, changes: readonly Change[]): Document {
  for (const { path, value } of changes) {
    const full = fullPath(path);
    if (value === undefined) {
      document.deleteIn(full);
      continue;
    }
    // The Pulumi CLI writes true as "true": the same setting.
    if (document.hasIn(full) && String(document.getIn(full)) === String(value)) continue;
    // A shorthand such as `ports: { postgres: 5433 }` gives way to the longer form.
    for (let depth = 1; depth < full.length; depth++)
      if (document.hasIn(full.slice(0, depth)) && !isMap(document.getIn(full.slice(0, depth))))
        document.deleteIn(full.slice(0, depth));
    document.setIn(full, value);
  }
  return document;
}

function open(stack: string): Document {
  if (!hasFile(stack)) return new Document({});
  const document = parseDocument(readFileSync(pathOf(stack), "utf8"));
  const [error] = document.errors;
  if (error)
    throw new Failure(
      `stacks/Pulumi.${stack}.yaml is no YAML: ${error.message.split("\n")[0]}`,
      "Mend that line, or delete the file and type: npm run init",
    );
  return document;
}
