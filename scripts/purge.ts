import { InvalidArgumentError, Option } from "commander";
import { openFleet } from "../adapters/index.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { knownPlan } from "./stack/file.ts";
import { requireReachable } from "./stack/servers.ts";
import { command } from "./terminal/command.ts";

/** Milliseconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

await command<{ olderThan: number; yes?: boolean }>({
  name: "purge",
  summary:
    "Remove for good what ended: by its own expiry, or because it was deleted or finished. Without --yes it only says what would go.",
  options: [
    new Option("--older-than <time>", "how long ago it ended at least, e.g. 30d, 12h, 90m")
      .argParser(milliseconds)
      .makeOptionMandatory(),
    new Option("--yes", "remove it"),
  ],
  help: "What lives on is never touched. Safe to repeat, and while applications are at work.",
  async run({ stack, olderThan, yes }, report) {
    await requireReachable(knownPlan(stack).plan);
    await using fleet = openFleet(readOurs(envFiles(stack).admin));
    const options = { olderThanMs: olderThan };
    const roles = Object.entries(yes ? await fleet.purge(options) : await fleet.ended(options));
    for (const [role, counts] of roles) report.line(yes ? "ok" : "note", role, words(counts, yes), { counts });
    if (roles.length === 0) report.line("ok", "purge", "no role of this stack keeps what has ended");
    else if (!yes) report.say(`\nNothing was removed. Type: npm run purge -- --older-than ${spelt(olderThan)} --yes`);
  },
});

function words(counts: Record<string, number> | null, removed = false): string {
  if (!counts) return "it cannot count them without removing them";
  const some = Object.entries(counts).filter(([, n]) => n > 0);
  if (some.length === 0) return removed ? "nothing had ended" : "nothing would go";
  const text = some.map(([kind, n]) => `${n} ${kind}`).join(", ");
  return removed ? `${text} removed` : `${text} would go`;
}

function milliseconds(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError("Expected a number and s, m, h or d, e.g. 30d.");
  return Number(number) * (UNITS[unit] ?? 0);
}

/** As it was given, or in a smaller unit of the same length. */
function spelt(length: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, size]) => length % size === 0) ?? ["s", 1_000];
  return `${length / size}${unit}`;
}
