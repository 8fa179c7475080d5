import { createInterface } from "node:readline/promises";
import { Option } from "commander";
import { checkEnv } from "./stack/dotenv.ts";
import { hasFile } from "./stack/file.ts";
import { withLock } from "./stack/lock.ts";
import { removeStack } from "./stack/remove.ts";
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
  if (!yes)
    await ask(
      `This deletes the data, credentials and settings of the stack. Type its name (${stack}) to go on: `,
      stack,
    );
  await removeStack(stack, report, broken);
  report.line("ok", "reset", "data, credentials and settings are deleted");
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
