import { Option } from "commander";
import type { Env } from "../adapters/env.ts";
import { migrateProducts, pendingMigrations } from "../adapters/prepare/index.ts";
import { installClients } from "./machine/clients.ts";
import { ownersElsewhere } from "./migrate/owners.ts";
import { connect } from "./stack/connect.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { knownPlan } from "./stack/file.ts";
import { withLock } from "./stack/lock.ts";
import { requireReachable } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";
import { count, Failure, type Report } from "./terminal/report.ts";

await command<{ check?: boolean; urlFile?: string }>({
  name: "migrate",
  summary: "Prepare the running stores: roles, extension, migrations. Safe to repeat.",
  options: [
    new Option("--check", "say what is pending and change nothing; exit code 1 when something is"),
    new Option(
      "--url-file <path>",
      "migrate the database of a URL, its owner's, without a stack: a file that holds it, or variables as in .env.admin",
    ),
  ],
  help: `A database that no stack of this checkout runs, as in production, is named by --url-file or by <PRODUCT>_OWNER_URL in the environment. Examples:
  npm run migrate -- --check --url-file /run/secrets/owner-url
  POSTGRES_OWNER_URL=postgres://… npm run migrate -- --check`,
  async run({ stack, check, urlFile }, report) {
    const elsewhere = ownersElsewhere(urlFile);
    if (elsewhere) {
      installClients(elsewhere);
      return check ? sayPending(elsewhere, report) : migrate(elsewhere, report);
    }
    const { plan } = knownPlan(stack);
    await requireReachable(plan);
    if (!check) {
      const prepare = () => report.step("prepare", "roles, extension, migrations", () => connect(plan));
      return withLock(stack, "migrate", prepare);
    }
    const variables = readOurs(envFiles(stack).admin);
    if (Object.keys(variables).length === 0) throw new Failure(".env.admin is not written", "Type: npm run env");
    await sayPending(variables, report);
  },
});

/** Fails when something is pending. Takes no lock and leaves no file: it may run where nothing can be written. */
async function sayPending(owners: Env, report: Report): Promise<void> {
  const reports = await pendingMigrations(owners);
  for (const { product, pending } of reports) report.data({ product, pending });
  const waiting = reports.flatMap(({ pending }) => pending);
  if (waiting.length > 0)
    throw new Failure(`${count(waiting.length, "migration")} pending: ${waiting.join(", ")}`, "Type: npm run migrate");
  report.line("ok", "migrate", "nothing is pending");
}

/** As the owner alone: accounts and extension are there already. The database itself keeps two from migrating at once. */
async function migrate(owners: Env, report: Report): Promise<void> {
  await report.step("migrate", "as the owner", async () => {
    const reports = await migrateProducts(owners);
    for (const { product, applied } of reports) report.data({ product, applied });
    const applied = reports.flatMap((one) => one.applied);
    return applied.length > 0 ? `applied ${applied.join(", ")}` : "nothing was pending";
  });
}
