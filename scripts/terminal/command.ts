import { Command, type CommanderError, type Option } from "commander";
import { StoreError } from "../../adapters/errors.ts";
import { SettingsError } from "../../stacks/faults.ts";
import { checkStack } from "../../stacks/settings.ts";
import { Failure, Report } from "./report.ts";

interface Definition<Options> {
  name: string;
  summary: string;
  arguments?: string;
  options?: Option[];
  /** Longer help: examples, exit codes. */
  help?: string;
  /** The words to parse, for a command that passes some on: options behind its first argument are not its own. @default the process's */
  words?: readonly string[];
  run(options: Options & { stack: string; json: boolean }, report: Report, words: string[]): Promise<void>;
}

/** What every command is: parses the words, runs, and turns whatever fails into what broke and what to type next. */
export async function command<Options>(definition: Definition<Options>): Promise<void> {
  const { name, summary, help = "", options = [], words } = definition;
  const program = new Command(`npm run ${name} --`)
    .description(summary)
    .option("--stack <name>", "the stack to act on", process.env.AGENT_STORES_STACK ?? "local")
    .option("--json", "one JSON object a line, for programs", false)
    .addHelpText("after", help && `\n${help}`)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  if (definition.arguments) program.arguments(definition.arguments);
  for (const option of options) program.addOption(option);
  try {
    if (words) program.passThroughOptions().parse(words, { from: "user" });
    else program.parse();
  } catch (error) {
    process.exitCode = refuse(error as CommanderError, name);
    return;
  }
  const parsed = program.opts<Options & { stack: string; json: boolean }>();
  const report = new Report(parsed.json, parsed.stack);
  try {
    const faults = checkStack(parsed.stack);
    if (faults.length > 0) throw new SettingsError(parsed.stack, faults);
    await definition.run(parsed, report, program.args);
  } catch (error) {
    explain(error, report);
    process.exitCode = 1;
  }
}

function refuse(error: CommanderError, name: string): number {
  if (error.exitCode === 0) return 0; // --help
  new Report(process.argv.includes("--json")).fault(
    error.message.replace(/^error: /, ""),
    `Type: npm run ${name} -- --help`,
  );
  return 2;
}

const ENGINE_GONE = /Cannot connect to the Docker daemon|error during connect/;

function explain(error: unknown, report: Report): void {
  if (error instanceof Failure) report.fault(error.message, error.mend);
  else if (error instanceof StoreError) report.fault(error.message.replace(` ${error.mend}`, ""), error.mend);
  else if (error instanceof SettingsError)
    for (const { key, what, mend } of error.faults)
      report.fault(`${key === "stack" ? "--stack" : `agent-stores:${key}`}: ${what}`, mend);
  else if (error instanceof Error && ENGINE_GONE.test(error.message))
    report.fault("the container engine has stopped answering", "Start it, then type the same command again.");
  else
    report.fault(
      `unexpected: ${error instanceof Error ? error.message : String(error)}`,
      "Set DEBUG=agent-stores to see where.",
    );
  if (process.env.DEBUG?.includes("agent-stores")) console.error(error);
}
