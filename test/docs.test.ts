import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepare } from "../adapters/prepare/index.ts";
import { connections } from "../components/connections.ts";
import { makePlan } from "../components/plan.ts";
import { fill } from "../components/secret.ts";
import { root } from "../stacks/place.ts";
import { parse } from "../stacks/settings.ts";

// Every page of docs/ that shows code is run as it stands, on the embedded stores that `npm run up` would make.

const place = mkdtempSync(join(tmpdir(), "agent-stores-docs-"));

const pages = readdirSync(join(root, "docs")).flatMap((page) => {
  const text = readFileSync(join(root, "docs", page), "utf8");
  const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  return blocks.length > 0 ? [{ page, source: blocks.join("\n") }] : [];
});

beforeAll(async () => {
  const settings = { "agent-stores:target": "embedded", "agent-stores:storage": place };
  const { env, adminEnv } = connections(makePlan(parse("docs", settings), { root: place, digests: {} }));
  const values = (texts: typeof env) =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fill(text, () => "")]));
  const lines = (texts: typeof env) => Object.entries(values(texts)).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(place, ".env"), lines(env).join(""));
  writeFileSync(join(place, ".env.admin"), lines(adminEnv).join(""));
  await prepare(values(adminEnv));
  // As in a workspace that links the package.
  mkdirSync(join(place, "node_modules"));
  symlinkSync(root, join(place, "node_modules", "agent-stores"), "junction");
  symlinkSync(join(root, "node_modules", "@opentelemetry"), join(place, "node_modules", "@opentelemetry"), "junction");
}, 60_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

it("there are pages with code", () => expect(pages.length).toBeGreaterThan(0));

it.each(pages)("docs/$page runs as it stands", ({ page, source }) => {
  const file = join(place, page.replace(/md$/, "mts"));
  writeFileSync(file, source);
  const ran = spawnSync(process.execPath, [file], { cwd: place, encoding: "utf8" });
  expect(ran.status, ran.stderr).toBe(0);
  expect(ran.stdout.trim(), "an example shows what it found").not.toBe("");
});
