import { Option } from "commander";
import { StoreError } from "../adapters/errors.ts";
import type { Imported } from "../adapters/index.ts";
import { checkStack } from "../stacks/settings.ts";
import { countsText, fleetOf, knownSnapshot } from "./snapshot/place.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";

interface Options {
  from?: string;
  tenant?: string;
  over?: boolean;
}

await command<Options>({
  name: "restore",
  summary: "Write a snapshot into the stores, whatever products they are. It is checked to its last byte first.",
  arguments: "<name>",
  options: [
    new Option("--from <stack>", "the stack that it is of").default(undefined, "this one"),
    new Option("--tenant <id>", "only this tenant of it"),
    new Option(
      "--over",
      "delete what the stores hold first, of that tenant or of all; else a stack that holds data is refused",
    ),
  ],
  help: "Safe to repeat: after a kill, type it again with --over.",
  run: ({ stack, ...options }, report, [name = ""]) =>
    withLock(stack, "restore", () => restore(stack, name, options, report)),
});

async function restore(
  stack: string,
  name: string,
  { from = stack, tenant, over }: Options,
  report: Report,
): Promise<void> {
  if (checkStack(from).length > 0)
    throw new Failure(`${JSON.stringify(from)} is no stack name`, "Type: npm run restore -- --help");
  const folder = knownSnapshot(from, name);
  await using fleet = await fleetOf(stack);
  let doing = "reading the manifest";
  let imported: Imported = {};
  const progress = (what: string, done: number) => {
    doing = `${what}: ${done.toLocaleString("en")}`;
  };
  await report.step(
    "restore",
    () => doing,
    async () => {
      const options = { over: over === true, progress, ...(tenant !== undefined && { tenant }) };
      imported = await fleet.import(folder, options).catch((error) => {
        throw explained(
          error,
          `${name}${from === stack ? "" : ` --from ${from}`}${tenant === undefined ? "" : ` --tenant ${tenant}`}`,
        );
      });
      return `${name}${tenant === undefined ? "" : `, tenant ${tenant},`} is in the stores`;
    },
  );
  for (const [role, counts] of Object.entries(imported)) report.line("ok", role, countsText(counts), { counts });
  report.say("  Next: npm run status · npm run smoke");
}

/** What would be lost, with what to type. */
function explained(error: unknown, words: string): unknown {
  if (!(error instanceof StoreError) || error.code !== "conflict" || error.store !== "snapshot") return error;
  const what = error.message.replace(` ${error.mend}`, "").replace(/^snapshot: /, "");
  return new Failure(what, `To delete it and restore: npm run restore -- ${words} --over`, error);
}
