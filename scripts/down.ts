import { row } from "../components/catalogue/index.ts";
import type { Service } from "../components/plan.ts";
import { isInitialised } from "./stack/credentials.ts";
import { hasFile, readPlan, withSettings, writeSettings } from "./stack/file.ts";
import { withLock } from "./stack/lock.ts";
import { serversOf } from "./stack/servers.ts";
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
  if (plan.target !== "embedded" && isInitialised(stack)) {
    const servers = await serversOf(plan);
    await withSettings(stack, changes, () =>
      report.step("pulumi", "stopping servers", async () => {
        await servers.takeDown(plan, broken);
        return plan.target === "docker" ? "containers removed" : "pods removed";
      }),
    );
  } else writeSettings(stack, changes);
  const kept = plan.services.map(({ product, data }) => `${row(product).title}: ${placeOf(data)}`);
  report.line("ok", "kept", kept.join(" · ") || "nothing to keep");
  report.say("  Next: npm run up brings it back · npm run reset deletes the data");
}

function placeOf(data: Service["data"]): string {
  if ("volume" in data) return `volume ${data.volume}`;
  return "claim" in data ? `claim ${data.claim}` : data.folder;
}
