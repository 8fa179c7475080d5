import { type Change, hasFile, readConfig } from "../stack/file.ts";
import type { Report } from "../terminal/report.ts";
import { findEngine } from "./engine.ts";

/**
 * Where a stack that was never up will run: docker, or embedded on a machine with no engine installed. Gives the changes with the target
 * in them; a stack that has one keeps it.
 */
export async function chooseTarget(stack: string, report: Report, changes: Change[]): Promise<Change[]> {
  const named =
    changes.some(({ path }) => path[0] === "target") ||
    (hasFile(stack) && readConfig(stack)["agent-stores:target"] !== undefined);
  if (named) return changes;
  const host = changes.find(({ path }) => path[0] === "engineHost")?.value;
  const engine = await findEngine(typeof host === "string" ? host : undefined);
  if (engine.state === "absent")
    report.line(
      "note",
      "target",
      "no container engine is installed: the stores run in your own process (embedded). Later: npm run up -- --target docker",
    );
  const target = { path: ["target"], value: engine.state === "absent" ? "embedded" : "docker" };
  // Pulumi's Docker provider does not look at docker's contexts, so a plain `pulumi up` needs the address in the settings.
  const elsewhere = engine.state === "answers" && !["", "default"].includes(engine.info.context);
  return [target, ...(elsewhere ? [{ path: ["engineHost"], value: engine.info.host }] : []), ...changes];
}
