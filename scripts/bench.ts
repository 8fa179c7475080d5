import { Option } from "commander";
import { goalOf, isMissed } from "./bench/figure.ts";
import { BENCHES } from "./bench/roles.ts";
import { envFiles, readOurs } from "./stack/dotenv.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

const number = (flags: string, what: string, by: number) => new Option(flags, what).argParser(Number).default(by);

await command<{ rows: number; rounds: number; probes: number; entries: number; megabytes: number }>({
  name: "bench",
  summary:
    "Measure the stores beside what an expert would write by hand with the bare client, on the same servers and data, as the same account. Removes what it wrote.",
  arguments: "[role...]",
  options: [
    number("--rows <number>", "vectors to query and facts to find among", 100_000),
    number("--rounds <number>", "rounds each way, in turns; the median counts", 7),
    number("--probes <number>", "queries of a kind each way", 300),
    number("--entries <number>", "entries to search among", 100_000),
    number("--megabytes <number>", "MiB of the artifact that goes up and down", 1_024),
  ],
  help: "Times are ratios to the time by hand, speeds to the speed. It reports, and does not fail, when a goal is missed.\nExample: npm run bench -- session vector",
  async run({ stack, ...asked }, report, roles) {
    const { app, admin } = envFiles(stack);
    const [env, adminEnv] = [readOurs(app), readOurs(admin)];
    const known = [...new Set(BENCHES.map(({ role }) => role))];
    const unknown = roles.find((role) => !known.includes(role));
    if (unknown) throw new Failure(`there is no bench of "${unknown}"`, `Use one of: ${known.join(", ")}`);
    const urlOf = (role: string, from: Record<string, string>) => from[`${role.toUpperCase()}_URL`] ?? "";
    const chosen = BENCHES.filter(
      ({ role, protocol }) => (roles.length === 0 || roles.includes(role)) && protocol.test(urlOf(role, env)),
    );
    if (chosen.length === 0)
      throw new Failure(
        "no store of this stack has a bare client to be compared with",
        "Type: npm run up -- --target docker",
      );
    for (const { role, run } of chosen) {
      const place = { app: urlOf(role, env), fleet: urlOf(role, adminEnv), admin: adminEnv.POSTGRES_ADMIN_URL ?? "" };
      let doing = "measuring";
      await report.step(
        role,
        () => doing,
        async () => {
          const figures = await run(place, asked, (text) => {
            doing = text;
          });
          report.data({ role, figures });
          report.table(
            ["what", "ours", "by hand", "ratio", "goal", ""],
            figures.map((one) => [
              `${role}: ${one.what}`,
              one.ours,
              one.baseline,
              one.ratio.toFixed(2),
              `${goalOf(one)}${isMissed(one) ? " missed" : ""}`,
              one.more ?? "",
            ]),
          );
          const missed = figures.filter(isMissed).length;
          return `${figures.length} figures${missed > 0 ? `, ${missed} over their goal` : ", every goal held"}`;
        },
      );
    }
  },
});
