import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { catalogue } from "../components/catalogue/index.ts";
import { connections } from "../components/connections.ts";
import { makePlan } from "../components/plan.ts";
import { type Budget, ENVIRONMENTS } from "../components/product.ts";
import { fill } from "../components/secret.ts";
import { size } from "../scripts/terminal/report.ts";
import { root } from "../stacks/place.ts";
import { keys, parse } from "../stacks/settings.ts";
import { capabilities } from "./capabilities.ts";
import { matrix, table } from "./matrix.ts";

// Files that repeat what the code says are generated: `npm test -- -u` writes them anew.

it("Pulumi.yaml has every setting with its type, default and description", async () => {
  const schemas = Object.entries(keys as Record<string, z.ZodType>);
  const config = Object.fromEntries(
    schemas.map(([key, schema]) => {
      const { type, description } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
      return [`agent-stores:${key}`, { type, default: schema.parse(undefined), description }];
    }),
  );
  const project = {
    name: "agent-stores",
    description: "Backend stores for AI agents",
    main: "stacks/index.ts",
    stackConfigDir: "stacks",
    runtime: { name: "nodejs", options: { typescript: false, packagemanager: "npm" } },
    backend: { url: "file://.state" },
    config,
  };
  await expect(stringify(project, { lineWidth: 0 })).toMatchFileSnapshot(join(root, "Pulumi.yaml"));
});

it(".env.example has every variable of the default stack, and no password", async () => {
  const plan = makePlan(parse("local", {}), { root: "/project", digests: {} });
  const { env } = connections(plan);
  const lines = Object.entries(env).map(([name, text]) => `${name}=${fill(text, () => "…")}`);
  await expect(`# Written to .env by: npm run up\n${lines.join("\n")}\n`).toMatchFileSnapshot(
    join(root, ".env.example"),
  );
});

it.each([
  ["README.md", "matrix", matrix],
  ["docs/storage.md", "budgets", budgets],
  ["docs/capabilities.md", "capabilities", capabilities],
])("%s: %s says what the catalogue and the proof say", async (file, part, render) => {
  const text = readFileSync(join(root, file), "utf8");
  const expected = text.replace(
    new RegExp(`(<!-- ${part}[^>]*-->\\n)[\\s\\S]*(<!-- /${part} -->)`),
    (_, start, end) => `${start}${render()}\n${end}`,
  );
  await expect(expected).toMatchFileSnapshot(join(root, file));
});

/** What each product that runs in a container may use. */
function budgets(): string {
  const heading = [
    "product",
    ...ENVIRONMENTS.flatMap((name) => ["cpus", "memory", "disk"].map((what) => `${what}, ${name}`)),
  ];
  const rows = [...catalogue].flatMap(([, { title, container }]) =>
    container ? [[title, ...ENVIRONMENTS.flatMap((name) => cells(container.budgets[name]))]] : [],
  );
  return table([heading, ...rows]);
}

const cells = ({ cpu, memory, disk }: Budget) => [String(cpu), size(memory), size(disk)];

it("every command in scripts/ has its npm script, and the other way round", () => {
  const files = readdirSync(join(root, "scripts")).flatMap((file) => /^([a-z]+)\.ts$/.exec(file)?.[1] ?? []);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(Object.keys(scripts).sort()).toEqual(files.sort());
  for (const [name, line] of Object.entries(scripts)) expect(line).toBe(`node scripts/launch.mjs ${name}`);
});

it("every product has a file in the catalogue whose name a setting can hold", () => {
  for (const name of catalogue.keys()) expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
});
