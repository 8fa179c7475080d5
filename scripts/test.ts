import { spawnSync } from "node:child_process";
import { seconds } from "./terminal/report.ts";
import { results } from "./terminal/vitest.ts";

// Types, lint, then every test that needs no Docker. Words after -- go to vitest: npm test -- dotenv
const stages: [string, string[]][] = [
  ["tsc", ["-p", "."]],
  ["biome", ["check", "."]],
  ["vitest", ["run", "--project", "unit", ...results("unit"), ...process.argv.slice(2)]],
];

for (const [program, words] of stages) {
  const started = Date.now();
  const { status } = spawnSync(program, words, { stdio: "inherit", shell: process.platform === "win32" });
  console.log(`${program} ${status === 0 ? "passed" : "failed"} in ${seconds(Date.now() - started)}`);
  if (status !== 0) process.exit(1);
}
