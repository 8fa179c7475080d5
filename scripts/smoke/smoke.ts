import { basename } from "node:path";
import type { Plan } from "../../components/plan.ts";
import { envFiles, readOurs } from "../stack/dotenv.ts";
import { Failure, type Report } from "../terminal/report.ts";
import { Run, type SmokeOptions, type Variables } from "./run.ts";
import { takePart } from "./turn.ts";

/**
 * Proves a running stack with real work on every role it binds, and removes what it wrote. Throws `Failure` naming step, store, cause and mend.
 */
export async function smoke(plan: Plan, report: Report, { quick, keep = false }: SmokeOptions): Promise<void> {
  const variables = readVariables(plan.stack);
  const run = new Run(plan, variables, { quick, keep }, report);
  try {
    await report.step("smoke", quick ? "a short proof of every role" : "proving every role", async () => {
      const turn = await takePart(plan.stack, plan.target === "embedded" ? "alone" : "together");
      return run.all(turn).finally(async () => {
        await run.close(); // before the turn ends: the next run may open the same folder
        turn.end();
      });
    });
  } finally {
    if (!quick) run.table();
  }
  if (keep) report.line("note", "kept", `tenants ${run.name}-…, for you to look at and remove`);
}

/** Nothing of this process's environment: a variable from elsewhere would have us prove another store. */
function readVariables(stack: string): Variables {
  const { app, admin } = envFiles(stack);
  const read = (path: string) => {
    const variables = readOurs(path);
    if (Object.keys(variables).length === 0) throw new Failure(`${basename(path)} is not written`, "Type: npm run up");
    return variables;
  };
  return { env: read(app), adminEnv: read(admin) };
}
