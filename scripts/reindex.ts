import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { InvalidArgumentError, Option } from "commander";
import type { Embedder } from "../adapters/embedder.ts";
import { openFleet, openStores } from "../adapters/index.ts";
import {
  planReindex,
  type ReindexOptions,
  type ReindexReport,
  type ReindexStores,
  reindex,
} from "../adapters/reindex.ts";
import { spaceName } from "../adapters/vector/spaces.ts";
import { installClients } from "./machine/clients.ts";
import { loadEmbedder } from "./reindex/embedder.ts";
import { showDropped, showPlans, showTenants } from "./reindex/text.ts";
import { envFiles } from "./stack/dotenv.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import { count, type Report, seconds } from "./terminal/report.ts";

interface Options extends Pick<ReindexOptions, "from" | "batch" | "sample" | "switch" | "dropOld"> {
  to: string;
  tenant?: string[];
  dryRun?: boolean;
}

await command<Options>({
  name: "reindex",
  summary:
    "Embed chunks anew in another space, beside the one that answers, and switch to it. Safe to kill and repeat.",
  options: [
    new Option(
      "--to <embedder>",
      "a module whose default export is an embedder, or hash:<dimensions> to try it out",
    ).makeOptionMandatory(),
    new Option("--from <provider/model>", "the space to move from, for tenants with several"),
    new Option("--tenant <id...>", "only these tenants"),
    new Option("--batch <texts>", "texts per call of the embedder").default(64).argParser(whole(1)),
    new Option("--sample <chunks>", "chunks whose neighbours are compared between the spaces")
      .default(50)
      .argParser(whole(0)),
    new Option("--dry-run", "say what there is to do and how long it may take, and write nothing"),
    new Option("--no-switch", "fill and compare; queries stay in the old space until it is typed again without this"),
    new Option("--drop-old", "then remove the old space; programs that still name it are refused"),
  ],
  help: `Reads .env and .env.admin; of another stack with --stack. Examples:
  npm run reindex -- --to ./my-embedder.ts --dry-run
  npm run reindex -- --to ./my-embedder.ts --tenant acme
  npm run reindex -- --to ./my-embedder.ts --drop-old`,
  async run({ stack, to, tenant: tenants, dryRun, ...options }, report) {
    const { app, admin } = envFiles(stack);
    const env = variables(app);
    installClients({ VECTOR_URL: env.VECTOR_URL ?? env.DATABASE_URL });
    const embedder = await loadEmbedder(to);
    await using stores = openStores(env);
    await using fleet = openFleet(variables(admin));
    const at = { stores, fleet };
    if (dryRun) return await estimate(at, embedder, { ...options, tenants }, report);
    await withLock(stack, "reindex", async () => {
      const done = await working(at, embedder, { ...options, tenants }, report);
      showTenants(done.tenants, report);
      showDropped(done, report);
    });
  },
});

/** All of a file's, our lines and the user's, as a program reads them; where there is no file, those of this process. */
function variables(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : process.env;
}

function whole(least: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,4}$/.test(text) && Number(text) >= least && Number(text) <= 1_000) return Number(text);
    throw new InvalidArgumentError(`Expected a number from ${least} to 1000.`);
  };
}

/** Embeds one batch, of the first tenant that lacks any, and keeps nothing of it. */
async function estimate(at: ReindexStores, embedder: Embedder, options: ReindexOptions, report: Report): Promise<void> {
  const plans = await planReindex(at, embedder.space, options);
  showPlans(plans, report);
  const missing = plans.reduce((sum, plan) => sum + plan.missing, 0);
  const first = plans.find((plan) => plan.missing > 0);
  const space = spaceName(embedder.space);
  if (!first?.from) return report.line("ok", "reindex", `nothing is missing in ${space}`, { missing });
  const { reindexing } = at.stores.tenant(first.tenant).vector;
  const move = { from: first.from, to: embedder.space };
  const started = performance.now();
  const chunks = await reindexing.missing(move, "", options.batch ?? 64);
  await embedder.embed(chunks.map(({ text }) => text));
  const took = performance.now() - started;
  const all = (took / chunks.length) * missing;
  const measured = `${count(chunks.length, "text")} took ${Math.round(took)} ms`;
  report.line(
    "note",
    "reindex",
    `${count(missing, "chunk")} to ${space}, about ${seconds(all)} (${measured}); then the index`,
    {
      missing,
      seconds: all / 1000,
    },
  );
}

/** Reindexes, and tells how far it is: on a terminal at once, to programs each second, into a log each ten. */
async function working(
  at: ReindexStores,
  embedder: Embedder,
  options: ReindexOptions,
  report: Report,
): Promise<ReindexReport> {
  const started = performance.now();
  const every = report.json ? 1_000 : 10_000;
  let told = started;
  let doing = "looking";
  const progress: ReindexOptions["progress"] = (now) => {
    const { tenant, done, total } = now;
    doing = now.doing === "embedding" ? `${tenant}: ${done} of ${total} chunks` : `${tenant}: ${now.doing}`;
    if (performance.now() - told < every) return;
    told = performance.now();
    report.data(now);
    if (!process.stdout.isTTY) report.say(`  … ${doing}`);
  };
  let done: ReindexReport | undefined;
  await report.step(
    "reindex",
    () => doing,
    async () => {
      done = await reindex(at, embedder, { ...options, progress });
      const embedded = done.tenants.reduce((sum, one) => sum + one.embedded, 0);
      return `${count(embedded, "chunk")} to ${spaceName(embedder.space)} in ${seconds(performance.now() - started)}`;
    },
  );
  return done as ReindexReport;
}
