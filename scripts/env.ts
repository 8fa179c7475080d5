import { Option } from "commander";
import { writeConnections } from "./stack/connect.ts";
import { checkEnv, envFiles, readOurs, shadowed } from "./stack/dotenv.ts";
import { hasFile, readPlan } from "./stack/file.ts";
import { command } from "./terminal/command.ts";
import { Failure } from "./terminal/report.ts";

await command<{ show?: boolean }>({
  name: "env",
  summary: "Write .env and .env.admin from the running stack, and print the variables with their passwords masked.",
  options: [new Option("--show", "print passwords")],
  async run({ stack, show, json }, report) {
    if (!hasFile(stack)) throw new Failure(`the stack ${stack} was never up`, "Type: npm run up");
    checkEnv(stack);
    const { plan } = readPlan(stack);
    if (!plan.running) throw new Failure(`the stack ${stack} is down`, "Type: npm run up");
    await writeConnections(plan);
    const { app } = envFiles(stack);
    const visible = Object.entries(readOurs(app)).map(([name, value]): [string, string] => [
      name,
      show ? value : mask(name, value),
    ]);
    if (json) report.data(Object.fromEntries(visible));
    else for (const [name, value] of visible) console.log(`${name}=${value}`);
    for (const name of shadowed(app))
      report.line(
        "note",
        name,
        "is also set by a line of yours in the same file: the later line wins. Remove one of them.",
      );
  },
});

function mask(name: string, value: string): string {
  return /PASSWORD|SECRET|_KEY$/.test(name) ? "****" : value.replace(/(\/\/[^:@/]*:)[^@]*@/, "$1****@");
}
