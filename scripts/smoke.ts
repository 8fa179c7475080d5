import { Option } from "commander";
import { smoke } from "./smoke/smoke.ts";
import { knownPlan } from "./stack/file.ts";
import { reach } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";

await command<{ keep?: boolean }>({
  name: "smoke",
  summary:
    "Prove the running stack: real work on every role, a restart, and everything read back. Removes what it wrote.",
  options: [new Option("--keep", "leave its tenants there, to look at them")],
  help: "It restarts the stack's containers. Exit code 0 only when every step held. Runs may go on side by side.",
  async run({ stack, keep }, report) {
    const { plan } = knownPlan(stack);
    await reach(plan);
    await smoke(plan, report, { quick: false, keep });
  },
});
