import { join } from "node:path";
import { Option } from "commander";
import { type Manifest, openFleet } from "../adapters/index.ts";
import { readManifest } from "../adapters/snapshot/read.ts";
import type { Role } from "../components/product.ts";
import { install } from "./launch.mjs";
import { requireEngine } from "./machine/engine.ts";
import { contracts } from "./rehearse/contracts.ts";
import { nameOf, type Rehearsal, rehearsalOf, settingsOf } from "./rehearse/stack.ts";
import { smoke } from "./smoke/smoke.ts";
import { knownSnapshot } from "./snapshot/place.ts";
import { bringUp, checkMachine } from "./stack/bring-up.ts";
import { connect } from "./stack/connect.ts";
import { checkEnv, envFiles, readOurs } from "./stack/dotenv.ts";
import { hasFile, readPlan, writeSettings } from "./stack/file.ts";
import { withFreePorts } from "./stack/free-ports.ts";
import { withLock } from "./stack/lock.ts";
import { removeStack } from "./stack/remove.ts";
import { inScratch } from "./stack/scratch.ts";
import { command } from "./terminal/command.ts";
import { count, Failure, type Report, seconds } from "./terminal/report.ts";

interface Options {
  from?: string;
  keep?: boolean;
}

await command<Options>({
  name: "rehearse",
  summary:
    "Try another image of a product with your data, in a throw-away stack beside this one, and say whether it serves.",
  arguments: "<product> <image>",
  options: [
    new Option("--from <snapshot>", "fill it from this snapshot instead of the live data"),
    new Option("--keep", "leave the throw-away stack there, to look at"),
  ],
  help: "Example: npm run rehearse postgres docker.io/pgvector/pgvector:0.8.6-pg18-trixie\nThe stack itself is only read.",
  run: ({ stack, ...options }, report, [product = "", image = "", ...more]) => {
    if (image === "" || more.length > 0)
      throw new Failure("say which product, and which image of it", "Type: npm run rehearse -- --help");
    return withLock(nameOf(stack), "rehearse", ({ broken }) =>
      rehearse(stack, product, image, options, report, broken),
    );
  },
});

async function rehearse(
  stack: string,
  product: string,
  image: string,
  { from, keep }: Options,
  report: Report,
  broken: boolean,
): Promise<void> {
  const rehearsal = rehearsalOf(stack, product);
  const name = nameOf(stack);
  checkEnv(name);
  const snapshot = from === undefined ? undefined : knownSnapshot(stack, from);
  install("all");
  const engine = await requireEngine(rehearsal.plan.engineHost);
  report.say(`agent-stores · stack ${stack} · ${product}: ${rehearsal.image} → ${image}`);
  if (hasFile(name)) await removeStack(name, report, true);
  try {
    const changes = await withFreePorts(name, settingsOf(rehearsal, image));
    const { plan } = readPlan(name, changes);
    await report.step("machine", "looking at ports, memory and images", () => checkMachine(plan, engine));
    writeSettings(name, changes);
    await bringUp(plan, engine, report, { broken, wasRunning: false });
    await report.step("prepare", "accounts, schema, buckets", () => connect(plan));
    await versions(stack, name, rehearsal, report);
    await fill(stack, name, rehearsal, snapshot, report);
    await smoke(plan, report, { quick: false });
    await prove(name, rehearsal, report);
  } finally {
    if (!keep && hasFile(name)) await removeStack(name, report, true);
  }
  report.line("ok", "verdict", `${image} serves ${rehearsal.roles.join(" ")} with this data`);
  report.say(`  For real, the old image one setting away:\n${forReal(rehearsal, image)}`);
}

/** What the two call themselves. */
async function versions(stack: string, name: string, { roles }: Rehearsal, report: Report): Promise<void> {
  const said: string[] = [];
  for (const one of [stack, name]) {
    await using fleet = openFleet(only(one, roles));
    said.push((await fleet.health())[0]?.detail ?? "");
  }
  report.line("ok", "versions", said.join(" → "));
}

/** The administrator's variables of these roles alone. */
function only(stack: string, roles: readonly string[]): Record<string, string> {
  const all = readOurs(envFiles(stack).admin);
  return Object.fromEntries(roles.map((role) => [`${role.toUpperCase()}_URL`, all[`${role.toUpperCase()}_URL`] ?? ""]));
}

/** Fills the throw-away stack with what the stack holds, or with a snapshot of it, and looks whether it holds the same then. */
async function fill(
  stack: string,
  name: string,
  { roles }: Rehearsal,
  snapshot: string | undefined,
  report: Report,
): Promise<void> {
  await report.step("data", "copying it", () =>
    inScratch("rehearse", async (folder) => {
      const started = Date.now();
      await using live = openFleet(only(stack, roles));
      await using fresh = openFleet(only(name, roles));
      const before = snapshot ? await readManifest(snapshot) : await live.export(join(folder, "live"));
      await fresh.import(snapshot ?? join(folder, "live"), { roles });
      const after = await fresh.export(join(folder, "there"));
      for (const role of roles) requireSame(role, before, after);
      const records = roles.reduce((sum, role) => sum + recordsOf(after, role), 0);
      return `${count(records, "record")} of ${count(after.tenants.length, "tenant")}, the same as they were, in ${seconds(Date.now() - started)}`;
    }),
  );
}

function recordsOf({ roles }: Manifest, role: string): number {
  return Object.values(roles[role]?.counts ?? {}).reduce((sum, n) => sum + n, 0);
}

/** What ends by its own time ends meanwhile, so of sessions there may be fewer. */
function requireSame(role: Role, before: Manifest, after: Manifest): void {
  const [then, now] = [recordsOf(before, role), recordsOf(after, role)];
  const same = before.roles[role]?.sha256 === after.roles[role]?.sha256;
  if (same || then === 0 || (role === "session" && now <= then)) return;
  throw new Failure(
    `${role} is not what was copied: ${now} records of ${then}`,
    "Look at it: the same command with --keep",
  );
}

async function prove(name: string, { product, roles }: Rehearsal, report: Report): Promise<void> {
  await report.step("contracts", `of ${roles.join(", ")}, which takes minutes`, async () => {
    const { passed, failed } = await contracts(name, product, roles);
    if (failed.length > 0 || passed === 0)
      throw new Failure(
        `the contracts do not hold: ${failed.length} cases fail, ${passed} pass`,
        failed.slice(0, 5).join("\n") || "See: npm run rehearse -- --help",
      );
    return `${passed} cases pass`;
  });
}

function forReal({ product }: Rehearsal, image: string): string {
  const lines = ["npm run snapshot before", `npm run up -- --set images.${product}=${image}`];
  return lines.map((line) => `    ${line}`).join("\n");
}
