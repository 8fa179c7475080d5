import { Option } from "commander";
import { smoke } from "./smoke/smoke.ts";
import { hasFile, readPlan } from "./stack/file.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

await command<{ keep?: boolean }>({
  name: "smoke",
  summary:
    "Prove the running stack: real work on every role, a restart, and everything read back. Removes what it wrote.",
  options: [new Option("--keep", "leave its tenants there, to look at them")],
  help: "It restarts the stack's containers. Exit code 0 only when every step held. Runs may go on side by side.",
  async run({ stack, keep }, report) {
    if (!hasFile(stack)) throw new Failure(`the stack ${stack} was never up`, "Type: npm run up");
    await smoke(readPlan(stack).plan, report, { quick: false, keep });
  },
});
