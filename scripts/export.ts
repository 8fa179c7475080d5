import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Option } from "commander";
import { profilesOf, renderCompose } from "../components/compose.ts";
import { type Files, renderBase, renderSecrets, secretsOf } from "../components/kustomize.ts";
import { alternatesOf, type Plan, type Settings } from "../components/plan.ts";
import { here, root } from "../stacks/place.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { hasFile, readPlan } from "./stack/file.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";

interface Options {
  out?: string;
  withSecrets?: boolean;
}

const FORMATS: Record<string, (settings: Settings, plan: Plan, options: Options, report: Report) => void> = {
  compose: exportCompose,
  kubernetes: exportKubernetes,
};

await command<Options>({
  name: "export",
  summary: "Write the stack's plan for another tool.",
  arguments: "<format>",
  options: [
    new Option("--out <path>", "where to: a file of compose's, - prints it; a folder for kubernetes"),
    new Option("--with-secrets", "kubernetes: the credentials, too, as an overlay of files"),
  ],
  help: `Formats: ${Object.keys(FORMATS).join(", ")}\nExamples:\n  npm run export compose\n  npm run export kubernetes -- --out kubernetes`,
  async run({ stack, ...options }, report, [format = ""]) {
    const write = FORMATS[format];
    if (!write)
      throw new Failure(
        `there is no format "${format}"`,
        `Formats: ${Object.keys(FORMATS).join(", ")}. Example: npm run export compose`,
      );
    if (!hasFile(stack)) throw new Failure(`the stack ${stack} has no settings yet`, "Type: npm run init");
    const { plan, settings } = readPlan(stack, [{ path: ["running"], value: true }]);
    if (plan.target === "embedded")
      throw new Failure(
        "this stack's target is embedded: it has no servers to export",
        "Type: npm run up -- --target docker",
      );
    write(settings, plan, options, report);
  },
});

function exportCompose(
  settings: Settings,
  plan: Plan,
  { out = "docker-compose.backend-stores.yml" }: Options,
  report: Report,
) {
  if (plan.target !== "docker")
    throw new Failure(
      `this stack's target is ${plan.target}, which compose does not speak to`,
      "Type: npm run export kubernetes",
    );
  const variables = relative(root, envFiles(plan.stack).admin);
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
}

function exportKubernetes(_: Settings, plan: Plan, { out = "kubernetes", withSecrets }: Options, report: Report) {
  if (plan.target !== "kubernetes")
    throw new Failure(
      `this stack's target is ${plan.target}`,
      "Make one for a cluster: npm run init -- --target kubernetes --set kubeContext=<name>",
    );
  const folder = resolve(out);
  const shown = relative(process.cwd(), folder) || ".";
  const secrets = withSecrets ? secretFiles(plan) : {};
  writeAll(folder, renderBase(plan));
  report.line("ok", "base", `${join(shown, "base")} · it holds no secret`);
  if (withSecrets) {
    writeAll(folder, { ...secrets, "secrets/.gitignore": "*\n" });
    report.line(
      "ok",
      "secrets",
      `${join(shown, "secrets")} · every credential in the clear: keep it as you keep passwords`,
    );
  } else
    report.line(
      "note",
      "secrets",
      `its pods wait for ${secretsOf(plan)
        .map(({ name }) => name)
        .join(", ")}   Bring them by an operator of your own, or: npm run export kubernetes -- --with-secrets`,
    );
  report.say(
    `  Next: kubectl --context ${plan.cluster.context} apply -k ${join(shown, withSecrets ? "secrets" : "base")}`,
  );
}

function secretFiles(plan: Plan): Files {
  const { admin } = envFiles(plan.stack);
  try {
    return renderSecrets(plan, existsSync(admin) ? readOurs(admin) : {});
  } catch (error) {
    throw new Failure(
      `${relative(root, admin)} does not hold ${(error as Error).message}`,
      "Type: npm run up   (it writes the credentials there)",
    );
  }
}

function writeAll(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    const full = join(folder, path);
    const secret = path.startsWith("secrets/");
    mkdirSync(dirname(full), { recursive: true, mode: secret ? 0o700 : 0o755 });
    writeFileSync(full, text, { mode: secret ? 0o600 : 0o644 });
  }
}
