import { styleText } from "node:util";
import { InvalidArgumentError, Option } from "commander";
import type { Plan } from "../components/plan.ts";
import { inOrder, type Line, Merger, type Wanted } from "./logs/lines.ts";
import { follow } from "./logs/read.ts";
import { knownPlan } from "./stack/file.ts";
import { type Servers, serversOf } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";
import { Failure, type Report } from "./terminal/report.ts";

interface Options {
  follow?: boolean;
  since?: string;
  tail?: string;
}

const COLOURS = ["cyan", "magenta", "yellow", "blue", "green"] as const;

await command<Options>({
  name: "logs",
  summary: "What the stack's servers say, merged in order of time.",
  arguments: "[product...]",
  options: [
    new Option("-f, --follow", "go on until Ctrl-C, also over restarts"),
    new Option("--since <when>", "only what is newer: 10m, 2h, or 2026-01-02T03:04:05Z").argParser(moment),
    new Option("--tail <lines>", "the newest lines of each, or all; 100 unless --since is given").argParser(lines),
  ],
  help: "With --json one object a line: product, at, stream, line. Exit code 1 when a product has no server.",
  async run({ stack, since, tail, follow: goesOn = false }, report, products) {
    const { plan } = knownPlan(stack);
    const wanted: Wanted = { tail: tail ?? (since ? "all" : "100"), since, follow: goesOn };
    const names = chosen(plan, products);
    const servers = await serversOf(plan);
    const there = (await servers.list()).map(({ product }) => product);
    const [found, gone] = [names.filter((name) => there.includes(name)), names.filter((name) => !there.includes(name))];
    const write = writer(names, report);
    if (goesOn && found.length > 0) await followAll(found, servers, wanted, write, report);
    else await readAll(found, servers, wanted, write);
    if (gone.length > 0)
      throw new Failure(
        `${gone.join(", ")}: no ${servers.noun}${plan.running ? "" : ", the stack is down"}`,
        "Type: npm run up",
      );
  },
});

function moment(text: string): string {
  if (/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text) || !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError("Expected how long ago, e.g. 10m, or a time, e.g. 2026-01-02T03:04:05Z.");
}

function lines(text: string): string {
  if (/^(\d{1,9}|all)$/.test(text)) return text;
  throw new InvalidArgumentError("Expected a number of lines, or all.");
}

function chosen(plan: Plan, products: readonly string[]): string[] {
  if (plan.target === "embedded")
    throw new Failure(
      "an embedded stack has no servers: its stores run in your own process, and say what they have to say there",
      "Type: npm run status",
    );
  const all = plan.services.map(({ product }) => product);
  const unknown = products.find((product) => !all.includes(product));
  if (unknown !== undefined)
    throw new Failure(`the stack ${plan.stack} has no product ${JSON.stringify(unknown)}`, `It has: ${all.join(" ")}`);
  return products.length > 0 ? [...new Set(products)] : all;
}

/** Writes a line with its product in front, in the product's colour on a terminal. */
function writer(names: readonly string[], report: Report): (line: Line) => void {
  const width = Math.max(0, ...names.map(({ length }) => length));
  return ({ product, at, stream, line }) => {
    if (report.json) return report.data({ product, at, stream, line });
    const colour = COLOURS[names.indexOf(product) % COLOURS.length] ?? "cyan";
    const [, day = "", time = ""] = /^(\S+)T(\d\d:\d\d:\d\d\.\d{3})/.exec(at) ?? [];
    console.log(`${styleText(colour, product.padEnd(width))} ${styleText("dim", `${day} ${time}`)} ${line}`);
  };
}

async function readAll(found: readonly string[], servers: Servers, wanted: Wanted, write: (line: Line) => void) {
  const all: Line[] = [];
  const never = new AbortController().signal;
  await Promise.all(found.map((one) => servers.log(one, wanted, (line) => all.push(line), never)));
  for (const line of inOrder(all)) write(line);
}

async function followAll(
  found: readonly string[],
  servers: Servers,
  wanted: Wanted,
  write: (line: Line) => void,
  report: Report,
): Promise<void> {
  const end = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end.abort());
  const merger = new Merger();
  const flush = (some: Line[]) => {
    for (const line of some) write(line);
  };
  const timer = setInterval(() => flush(merger.take(Date.now())), 100);
  const take = (line: Line) => merger.push(line, Date.now());
  const note = (mark: "ok" | "note", product: string, text: string) => {
    flush(merger.rest());
    if (!report.json) report.line(mark, product, text);
  };
  try {
    await Promise.all(
      found.map((one) => {
        const told = {
          gone: () => note("note", one, `its ${servers.noun} has stopped`),
          back: () => note("ok", one, "runs again"),
        };
        return follow(one, servers, wanted, take, told, end.signal);
      }),
    );
  } finally {
    clearInterval(timer);
    flush(merger.rest());
  }
}
