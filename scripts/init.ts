import { dirname } from "node:path";
import { Option } from "commander";
import { root } from "../stacks/place.ts";
import { install } from "./launch.mjs";
import { chooseTarget } from "./machine/target.ts";
import { initialise, mendMissing, setSecret } from "./stack/credentials.ts";
import { readPlan, writeSettings } from "./stack/file.ts";
import { withFreePorts } from "./stack/free-ports.ts";
import { withLock } from "./stack/lock.ts";
import { findPulumi, pulumiEnvironment } from "./stack/pulumi.ts";
import { serversOf } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";
import { changesOf, type SettingsOptions, settingsOptions } from "./terminal/settings-options.ts";

interface Options extends SettingsOptions {
  secret?: string;
}

await command<Options>({
  name: "init",
  summary: "Make the stack's settings file, passphrase and credentials. Safe to repeat: what is there stays.",
  options: [
    ...settingsOptions,
    new Option("--secret <key>", "read a secret from standard input, e.g. credentials.postgres.tlsKey or artifactUrl"),
  ],
  help: "After it, plain Pulumi works too: pulumi up; then npm run env and npm run migrate.\nA store that runs elsewhere: npm run init -- --set artifact=url --secret artifactUrl < file-with-the-url",
  run: (options, report) => withLock(options.stack, "init", () => init(options, report)),
});

async function init(options: Options & { stack: string }, report: Report): Promise<void> {
  const { stack } = options;
  const changes = await withFreePorts(stack, await chooseTarget(stack, report, changesOf(options)));
  const { plan } = readPlan(stack, changes);
  if (plan.target === "embedded") {
    writeSettings(stack, changes);
    return report.line("ok", "settings", `stacks/Pulumi.${stack}.yaml · embedded stores need no credentials`);
  }
  install("all");
  writeSettings(stack, changes);
  if (options.secret) {
    const value = await standardInput(options.secret);
    await initialise(stack, { ...plan, services: [] });
    await setSecret(stack, options.secret, value);
    report.line("ok", "secret", `${options.secret} stored, encrypted`);
  }
  const { made, missing } = await initialise(stack, plan);
  // Whatever does not answer now is told by the command that needs it.
  const servers = await serversOf(plan).catch(() => undefined);
  await servers?.makeGround(plan);
  report.line("ok", "settings", `stacks/Pulumi.${stack}.yaml`);
  report.line("ok", "secrets", made.length > 0 ? `made ${made.join(", ")}` : "all there");
  if (missing.length > 0) {
    report.line("note", "missing", missing.map(({ name }) => name).join(", "));
    return report.say(`  Next:\n${mendMissing(missing)}`);
  }
  report.say(
    ["\n  Next: npm run up", "  Or with plain Pulumi:", ...plainPulumi(stack).map((line) => `    ${line}`)].join("\n"),
  );
}

/** What to type to use the Pulumi CLI itself. It runs the program with the Node it finds on PATH, which must be new enough. */
function plainPulumi(stack: string): string[] {
  const passphrase = Object.entries(pulumiEnvironment()).filter(([name]) => name.startsWith("PULUMI_CONFIG"));
  const cli = findPulumi();
  return [
    ...passphrase.map(([name, value]) => `export ${name}="${value}"`),
    ...(process.execPath.startsWith(root) ? [`export PATH="${dirname(process.execPath)}:$PATH"`] : []),
    `${cli?.from === "PATH" ? "pulumi" : (cli?.path ?? "pulumi")} up --stack ${stack}`,
    `npm run env -- --stack ${stack} && npm run migrate -- --stack ${stack}`,
  ];
}

async function standardInput(key: string): Promise<string> {
  const mend = `Type: npm run init -- --secret ${key} < file`;
  if (process.stdin.isTTY) throw new Failure("--secret reads standard input", mend);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const value = Buffer.concat(chunks).toString("utf8").trim();
  if (value === "") throw new Failure("standard input was empty", mend);
  return value;
}
