import { randomInt } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openStores, openTraces, type RoleStores, StoreError } from "../../adapters/index.ts";
import { catalogue, filledRoles } from "../../components/catalogue/index.ts";
import { credentialsOf, type Plan, urlKey } from "../../components/plan.ts";
import { ACCOUNTS, type Role } from "../../components/product.ts";
import { Failure } from "../terminal/report.ts";
import { encryptWith } from "./encryption.ts";
import { encryptionSalt, isEncrypted, readConfig, removeFile, writeSettings } from "./file.ts";
import { complaint, makeState, pulumi, stateFolder } from "./pulumi.ts";

/** Letters and digits only: no URL, shell, YAML or configuration file gives them a meaning. 190 bits. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const generate = () => Array.from({ length: 32 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

const stateOf = (stack: string) => join(stateFolder, ".pulumi", "stacks", "agent-stores", `${stack}.json`);

export interface Initialised {
  /** Names of the credentials that were generated now. */
  made: string[];
  /** What the settings call for and only the user can give. */
  missing: { name: string; what: string }[];
}

/** Makes the stack and whichever of its credentials are not there. */
export async function initialise(stack: string, plan: Plan): Promise<Initialised> {
  makeState();
  if (!isInitialised(stack)) await makeStack(stack);
  const config = readConfig(stack);
  const have = config["agent-stores:credentials"] as Record<string, Record<string, unknown>> | undefined;
  const absent = (name: string) => {
    const [product = "", credential] = name.split(".");
    return (credential ? have?.[product]?.[credential] : config[`agent-stores:${product}`]) === undefined;
  };
  const { generated, given } = credentialsOf(plan);
  const made = generated.filter(absent);
  await storeAll(stack, made);
  return { made, missing: given.filter(({ name }) => absent(name)) };
}

/** Generates these credentials and puts them into the stack's configuration, encrypted, in one write. */
async function storeAll(stack: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const salt = encryptionSalt(stack);
  if (salt === undefined) {
    // A secrets provider of the user's own: only the CLI can ask it.
    for (const name of names) await setSecret(stack, `credentials.${name}`, generate());
    return;
  }
  const sealed = await encryptWith(
    salt,
    names.map(() => generate()),
  );
  writeSettings(
    stack,
    names.map((name, index) => ({ path: ["credentials", ...name.split("."), "secure"], value: sealed[index] })),
  );
}

/** What to type for credentials that only the user can give. */
export const mendMissing = (missing: Initialised["missing"]) =>
  missing
    .map(
      ({ name, what }) =>
        `npm run init -- --secret ${name.includes(".") ? "credentials." : ""}${name} < file   (${what})`,
    )
    .join("\n");

async function makeStack(stack: string): Promise<void> {
  const output = await pulumi(["stack", "init", stack, "--secrets-provider", "passphrase"]);
  if (output.exitCode === 0 || /already exists/.test(output.stderr)) return;
  throw new Failure(`the stack ${stack} cannot be made: ${complaint(output)}`, "Type: npm run doctor");
}

/** Puts a secret into the stack's configuration; it goes in by standard input, so that no process list shows it. */
export async function setSecret(stack: string, path: string, value: string): Promise<void> {
  const [, product = ""] = /^credentials\.([a-z0-9-]+)\.[A-Za-z]+$/.exec(path) ?? [];
  const role = filledRoles.find((one) => ACCOUNTS.some((account) => urlKey(one, account) === path));
  if (role) await requireProtocol(role, value);
  else if (!catalogue.get(product)?.container)
    throw new Failure(
      `there is no secret ${path}`,
      "Secrets are credentials.<product>.<name>, e.g. credentials.postgres.tlsKey, and <role>Url, <role>AdminUrl, e.g. artifactUrl",
    );
  const output = await pulumi(["config", "set", "--path", "--secret", `agent-stores:${path}`, "--stack", stack], {
    input: value,
  });
  if (output.exitCode === 0) return;
  throw new Failure(`the credential ${path} cannot be stored: ${complaint(output)}`, "Type: npm run doctor");
}

/** Throws a Failure for a URL that no store of the role can be opened with; nothing connects. */
async function requireProtocol(role: Role, url: string): Promise<void> {
  const stores = openStores({ [`${role.toUpperCase()}_URL`]: url });
  try {
    if (role === "trace") await openTraces({ TRACE_URL: url }).close();
    else void stores.tenant("check")[role as keyof RoleStores];
  } catch (error) {
    if (error instanceof StoreError) throw new Failure(error.message.replace(` ${error.mend}`, ""), error.mend);
    throw error;
  } finally {
    await stores.close();
  }
}

/** Forgets the stack: its state with its history, its settings and its credentials. */
export async function forget(stack: string): Promise<void> {
  if (isInitialised(stack)) {
    const output = await pulumi(["stack", "rm", stack, "--yes", "--preserve-config"]);
    if (output.exitCode !== 0)
      throw new Failure(`the stack ${stack} cannot be removed: ${complaint(output)}`, `Type: npm run doctor`);
  }
  removeFile(stack);
  const kept = join(stateFolder, ".pulumi");
  for (const folder of ["backups", "history", "stacks"])
    for (const name of [stack, `${stack}.json.bak`, `${stack}.json.bak.attrs`])
      rmSync(join(kept, folder, "agent-stores", name), { recursive: true, force: true });
  rmSync(join(stateFolder, `${stack}.smoke`), { force: true });
}

/** Whether Pulumi knows the stack. In a backend of the user's own choice, the settings file has to say so. */
export const isInitialised = (stack: string) =>
  process.env.PULUMI_BACKEND_URL === undefined ? existsSync(stateOf(stack)) : isEncrypted(stack);
