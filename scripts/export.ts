import { existsSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { Option } from "commander";
import { profilesOf, renderCompose } from "../components/compose.ts";
import { alternatesOf } from "../components/plan.ts";
import { here, root } from "../stacks/place.ts";
import { envFiles } from "./stack/dotenv.ts";
import { hasFile, readPlan } from "./stack/file.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

const FORMATS = ["compose"];

await command<{ out?: string }>({
  name: "export",
  summary: "Write the stack's plan for another tool.",
  arguments: "<format>",
  options: [new Option("--out <file>", "where to; - prints it").default("docker-compose.backend-stores.yml")],
  help: `Formats: ${FORMATS.join(", ")}\nExample: npm run export compose`,
  async run({ stack, out = "-" }, report, [format = ""]) {
    if (!FORMATS.includes(format))
      throw new Failure(
        `there is no format "${format}"`,
        `Formats: ${FORMATS.join(", ")}. Example: npm run export compose`,
      );
    if (!hasFile(stack)) throw new Failure(`the stack ${stack} has no settings yet`, "Type: npm run init");
    const { plan, settings } = readPlan(stack, [{ path: ["running"], value: true }]);
    if (plan.target !== "docker")
      throw new Failure(
        "this stack's target is embedded: it has no containers to export",
        "Type: npm run up -- --target docker",
      );
    const variables = relative(root, envFiles(stack).admin);
    const text = renderCompose(plan, alternatesOf(settings, here()), variables);
    if (out === "-") return void process.stdout.write(text);
    const path = resolve(out);
    const flags = profilesOf(plan)
      .map((profile) => `--profile ${profile}`)
      .join(" ");
    if (!existsSync(dirname(path)))
      throw new Failure(`there is no folder ${dirname(path)}`, "Make it, or give another file with --out.");
    writeFileSync(path, text);
    report.line("ok", "compose", `${relative(process.cwd(), path)} · it holds no secret`);
    report.say(
      `  Next: npm run down && docker compose --env-file ${variables} -f ${relative(process.cwd(), path)} ${flags} up --wait`,
    );
  },
});
