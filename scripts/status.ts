import { InvalidArgumentError, Option } from "commander";
import { type ProductFigures, readFigures } from "../adapters/figures/index.ts";
import type { Plan } from "../components/plan.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { knownPlan } from "./stack/file.ts";
import { requireReachable } from "./stack/servers.ts";
import { blockOf, dataOf } from "./status/blocks.ts";
import { isSilent, type Store, storesOf } from "./status/stores.ts";
import { watch } from "./status/watch.ts";
import { command } from "./terminal/command.ts";
import { Failure, tableLines } from "./terminal/report.ts";

await command<{ watch?: number | true; all?: boolean }>({
  name: "status",
  summary:
    "What runs, what it serves, whether it answers, and the operator's figures. Exit code 0 only when every store answers.",
  options: [
    new Option("-v, --all", "every figure, and the long tables: tables, indexes, statements, keys, tenants"),
    new Option("-w, --watch [seconds]", "again and again until Ctrl-C; every 2 seconds").argParser(interval),
  ],
  help: "With --json one object for each product; with --watch too, one for each in every round. Postgres' figures are queries that also run by hand: sql/queries/",
  async run({ stack, watch: every, all = false }, report) {
    const { plan } = knownPlan(stack);
    const title = `agent-stores · stack ${stack} · ${plan.target}${plan.running ? "" : " · down"}`;
    if (every === undefined) report.say(title);
    if (!plan.running) throw new Failure("the stack is down; its data is kept", "Type: npm run up");
    if (Object.keys(plan.bindings).length === 0)
      return report.line("note", "roles", "every role is set to none: nothing runs");
    await requireReachable(plan);
    if (every !== undefined)
      return watch(every === true ? 2 : every, async () => {
        const round = await look(plan).catch((error) => String(error instanceof Error ? error.message : error));
        const clock = new Date().toTimeString().slice(0, 8);
        if (typeof round === "string")
          return report.json
            ? [JSON.stringify({ result: "fault", what: round })]
            : [`${title} · ${clock}`, `✖ ${round}`];
        return report.json
          ? objects(round, all).map((one) => JSON.stringify(one))
          : [`${title} · ${clock}`, ...page(round, all)];
      });
    const round = await look(plan);
    for (const one of objects(round, all)) report.data(one);
    if (!report.json) for (const line of page(round, all)) console.log(line);
    requireAnswers(round);
  },
});

interface Round {
  stores: Store[];
  figures: ProductFigures[];
}

/** Asks everything at once: what does not answer keeps nothing else. */
async function look(plan: Plan): Promise<Round> {
  const variables = readOurs(envFiles(plan.stack).admin);
  const [stores, figures] = await Promise.all([storesOf(plan, variables), readFigures(variables)]);
  return { stores, figures: stores.flatMap((store) => figures.find(({ product }) => product === store.product) ?? []) };
}

function objects({ stores, figures }: Round, all: boolean): Record<string, unknown>[] {
  return stores.map((store) => {
    const found = figures.find(({ product }) => product === store.product);
    return { ...store, ...(found ? dataOf(found, all) : { figures: {} }) };
  });
}

function page({ stores, figures }: Round, all: boolean): string[] {
  const rows = stores.map(({ product, state, answers, where, roles }) => [product, state, answers, where, roles]);
  const table = tableLines(["product", "state", "answers", "where", "roles"], rows);
  return [...table, ...figures.flatMap((one) => ["", ...blockOf(one, all)])];
}

function requireAnswers({ stores }: Round): void {
  const silent = stores.filter(isSilent);
  if (silent.length > 0)
    throw new Failure(
      `${silent.map(({ product }) => product).join(", ")} does not answer`,
      "Type: npm run up   (or: npm run doctor)",
    );
}

function interval(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.5 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError("Expected seconds, from 0.5 on.");
}
