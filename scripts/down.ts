import { row } from "../components/catalogue/index.ts";
import { requireOwnership } from "./machine/containers.ts";
import { requireEngine } from "./machine/engine.ts";
import { isInitialised } from "./stack/credentials.ts";
import { deploy, recover, removeUnknown } from "./stack/deploy.ts";
import { hasFile, readPlan, withSettings, writeSettings } from "./stack/file.ts";
import { withLock } from "./stack/lock.ts";
import { command } from "./terminal/command.ts";
import type { Report } from "./terminal/report.ts";

await command({
  name: "down",
  summary: "Stop and remove the containers. Data, credentials and settings stay for the next up.",
  run: ({ stack }, report) => withLock(stack, "down", ({ broken }) => down(stack, report, broken)),
});

async function down(stack: string, report: Report, broken: boolean): Promise<void> {
  if (!hasFile(stack)) return report.line("note", "down", `the stack ${stack} was never up`);
  const changes = [{ path: ["running"], value: false }];
  const { plan } = readPlan(stack, changes);
  if (plan.target === "docker" && isInitialised(stack)) {
    const { host } = await requireEngine(plan.engineHost);
    await requireOwnership(plan, host);
    await withSettings(stack, changes, () =>
      report.step("pulumi", "stopping containers", async () => {
        if (broken) await recover(stack, host);
        else await removeUnknown(stack, host);
        await deploy(stack, plan, host, broken);
        return "containers removed";
      }),
    );
  } else writeSettings(stack, changes);
  const kept = plan.services.map(
    ({ product, data }) => `${row(product).title}: ${"volume" in data ? `volume ${data.volume}` : data.folder}`,
  );
  report.line("ok", "kept", kept.join(" · ") || "nothing to keep");
  report.say("  Next: npm run up brings it back · npm run reset deletes the data");
}
