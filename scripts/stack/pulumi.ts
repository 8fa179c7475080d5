import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { $, type ProcessOutput } from "zx";
import { root } from "../../stacks/place.ts";
import { Failure } from "../terminal/report.ts";

/** Folder of the local backend's state and of the passphrase that encrypts its secrets. Never holds data. */
export const stateFolder = join(root, ".state");
const passphraseFile = join(stateFolder, "passphrase");

export interface PulumiCli {
  path: string;
  from: "PATH" | "the lab's cache" | "the pulumi npm package, which fetches the CLI on first use";
}

/** The Pulumi CLI to use, or undefined when there is none. */
export function findPulumi(): PulumiCli | undefined {
  const binary = process.platform === "win32" ? "pulumi.exe" : "pulumi";
  const folders = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join("node_modules", ".bin")));
  const onPath = folders.map((folder) => join(folder, binary)).find(isFile);
  if (onPath) return { path: onPath, from: "PATH" };
  const cache =
    process.env.AGENT_STORES_CACHE ??
    (process.getuid?.() === 0 ? "/var/cache/agent-stores" : join(homedir(), ".cache", "agent-stores"));
  const built = listed(cache)
    .filter((name) => name.startsWith("toolchain-"))
    .map((name) => join(cache, name, "bin", binary))
    .find(isFile);
  if (built) return { path: built, from: "the lab's cache" };
  const packaged = join(root, "node_modules", ".bin", "pulumi");
  return existsSync(packaged)
    ? { path: packaged, from: "the pulumi npm package, which fetches the CLI on first use" }
    : undefined;
}

const isFile = (path: string) => existsSync(path) && statSync(path).isFile();
const listed = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);

/** Runs the Pulumi CLI in the project. Throws for a wrong passphrase; any other failure is the caller's to explain. */
export async function pulumi(
  words: readonly string[],
  options: { input?: string; host?: string; signal?: AbortSignal } = {},
): Promise<ProcessOutput> {
  const cli = findPulumi();
  if (!cli)
    throw new Failure(
      "the Pulumi CLI is not installed",
      "Install it (https://www.pulumi.com/docs/install/), or type: npm install",
    );
  const output = await $({
    cwd: root,
    quiet: true,
    nothrow: true,
    input: options.input ?? "",
    // An interrupt lets it write down what it has done so far.
    ...(options.signal && { signal: options.signal, killSignal: "SIGINT" as const }),
    env: {
      ...process.env,
      ...pulumiEnvironment(),
      // `up` looks itself when servers are ready, more often than the provider does.
      AGENT_STORES_WAIT: "no",
      // Only where it differs: the provider takes the variable for a changed setting of its own.
      ...(options.host && options.host !== "unix:///var/run/docker.sock" && { DOCKER_HOST: options.host }),
      // The lab keeps the language host and the providers beside its CLI.
      ...(cli.from === "the lab's cache" && { PATH: [dirname(cli.path), process.env.PATH].join(delimiter) }),
    },
  })`${cli.path} ${words} --non-interactive --color never`;
  if (output.exitCode !== 0 && /incorrect passphrase/.test(output.stderr + output.stdout))
    throw new Failure(
      "the passphrase does not open the stack's secrets",
      "Put the one back that they were written with: .state/passphrase, or PULUMI_CONFIG_PASSPHRASE.\nIf it is lost, start over; the data stays and `up` gives it new passwords: delete .state/ and, in stacks/Pulumi.<stack>.yaml,\nthe lines encryptionsalt and agent-stores:credentials.",
    );
  return output;
}

/** What the CLI needs beside Pulumi.yaml. A user's own passphrase or backend is left alone. */
export function pulumiEnvironment(): Record<string, string> {
  const own = process.env.PULUMI_CONFIG_PASSPHRASE ?? process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  return {
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_SKIP_CONFIRMATIONS: "true",
    ...(own === undefined && { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile }),
  };
}

/** Makes `.state/` and the passphrase, once. The passphrase lies beside the state it protects: move it away to separate them. */
export function makeState(): void {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  if (existsSync(passphraseFile)) return;
  const mine = `${passphraseFile}.${process.pid}`;
  writeFileSync(mine, randomBytes(32).toString("hex"), { mode: 0o600 });
  try {
    linkSync(mine, passphraseFile); // whole from the start; another stack's command may have been quicker
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(mine);
  }
}

/** The CLI's complaint without its banner, as one fault. */
export function complaint(output: ProcessOutput): string {
  const text = `${output.stderr}\n${output.stdout}`;
  const errors = text
    .split("\n")
    .map((line) => line.trim())
    .filter(
      (line) =>
        /error|locked|cannot|unable|failed/i.test(line) && !/^(\+|~|-)?\s*\d+ errored|update failed$/i.test(line),
    );
  const [, thrown] = /failed with an unhandled exception:\s+(\S.*)/.exec(text) ?? [];
  return (thrown ?? errors[0] ?? text.trim().split("\n").at(-1) ?? "").replace(/^error:\s*/, "");
}
