import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { openTraces } from "../../adapters/index.ts";
import { useClone } from "./clone.ts";
import { must } from "./exec.ts";
import { only } from "./flags.ts";
import { killerOf, told } from "./kill.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";
import { sendSpan } from "./span.ts";
import { killAndCompareSpans } from "./trace-kills.ts";

// The trace role: a product that keeps spans, and the collector beside it, which takes them.

const lab = inject("lab");
const KILLS = 20;
const COLLECTOR = "otel-collector";
/** No package registry has Tempo: it is run where its image can be pulled. */
const PRODUCTS = ["jaeger", "tempo"].filter((product) => product in lab.images);

describe.each(PRODUCTS)("%s and the collector for trace", (product) => {
  const stack = `traced-${product}`;
  const other = `${stack}-elsewhere`;
  const servers = [product, COLLECTOR];
  const nameOf = (server: string) => `agent-stores-${stack}-${server}`;
  const clone = useClone([other, stack]);
  const type = (command: string) => clone.run(`npm run -s ${command} --stack ${stack}`);
  const succeeds = (command: string) => clone.succeeds(`npm run -s ${command} --stack ${stack}`);
  const variables = () => parseEnv(readFileSync(join(clone.folder, `.env.${stack}`), "utf8"));

  it("come up together, and the smoke reads back what it sent, before a restart and after it", async () => {
    const images = ["redis", ...servers].map((one) => `--set images.${one}=${lab.images[one]}`).join(" ");
    const said = await succeeds(`up -- --port auto ${only("redis")} --set trace=${product} ${images}`);
    for (const server of servers) expect(said).toMatch(new RegExp(`✔ ${server} +(ready in|healthy) .*trace`));
    const whole = await succeeds("smoke --");
    console.log(whole);
    expect(whole.match(/read the spans back/g)).toHaveLength(2);
    const detail = `Docker engine ${lab.engineVersion}`;
    for (const server of servers)
      prove(server, { check: "smoke", target: "docker", passed: true, ...groundFor(lab, server), detail });
  });

  it("are known to the other commands", async () => {
    expect(await succeeds("status --")).toMatch(/^ *otel-collector +running +yes .* trace$/m);
    expect(await succeeds("doctor --")).toMatch(/otel-collector +running, answers/);
    for (const command of ["env --", "migrate --", "logs --"]) await succeeds(command);
    expect(await succeeds("up --")).toContain("no change");
    const swap = await type(`swap trace ${product === "tempo" ? "jaeger" : "tempo"} --`);
    expect([swap.code, swap.stderr]).toEqual([1, expect.stringContaining("spans stay where they are")]);
    if (product === "jaeger")
      expect(await clone.succeeds(`npm run -s shell -- --stack ${stack} jaeger GET /api/v3/services`)).toContain(
        "agent-stores-smoke",
      );
  });

  it("the page's program sends there", async () => {
    const page = readFileSync(join(clone.folder, "docs", "trace.md"), "utf8");
    const code = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join("\n");
    const back = "\nfor (const { name } of await openTraces().find(traceId)) console.log('found', name);\n";
    const waited = "\nawait new Promise((resolve) => setTimeout(resolve, 5_000));";
    writeFileSync(join(clone.folder, "page.mts"), code + waited + back);
    const said = await clone.succeeds("node page.mts", variables() as Record<string, string>);
    expect(said).toContain(`sent to ${variables().OTEL_EXPORTER_OTLP_ENDPOINT}`);
    expect(said.match(/found (turn|append session)/g)).toHaveLength(2);
  });

  it("serve another stack by their URL, which is refused where it is none", async () => {
    const elsewhere = (words: string, input?: string) => clone.run(`npm run -s ${words} --stack ${other}`, { input });
    const wrong = await elsewhere("init -- --secret traceUrl", "grpc://:Canary@127.0.0.1:4317");
    expect([wrong.code, wrong.stdout + wrong.stderr]).toEqual([1, expect.not.stringContaining("Canary")]);
    const ran = [
      await elsewhere(`init -- ${only()} --set trace=url`),
      await elsewhere("init -- --secret traceUrl", variables().TRACE_URL),
      await elsewhere("up --"),
      await elsewhere("smoke --"),
    ];
    for (const { code, stdout, stderr } of ran) expect(code, stdout + stderr).toBe(0);
    expect(ran.at(-1)?.stdout).toMatch(/read the spans back +trace +url/);
  });

  it("collector gone: the other roles go on, and it is said which one does not", async () => {
    await must("docker", ["stop", nameOf(COLLECTOR)]);
    const status = await type("status --");
    expect(status.code).toBe(1);
    expect(status.stdout + status.stderr).toMatch(/No connection to 127\.0\.0\.1:\d+ .*npm run up/);
    expect(status.stdout).toMatch(/^ *redis +running, healthy +yes/m);
    expect((await type("doctor --")).stdout).toMatch(/otel-collector +exited/);
    const smoke = await type("smoke --");
    expect(smoke.code).toBe(1);
    expect(smoke.stdout + smoke.stderr).toContain(`step "send spans" on ${product}: No connection to 127.0.0.1`);
    expect(smoke.stdout, "those of session, before").toMatch(/✔ +hold a conversation/);
    await succeeds("up --");
  });

  it("a collector that stands still is noticed", async () => {
    await must("docker", ["kill", "-s", "STOP", nameOf(COLLECTOR)]);
    const doctor = await type("doctor --");
    expect(doctor.stdout).toMatch(/otel-collector +running, and http:.* does not answer/);
    await must("docker", ["kill", "-s", "CONT", nameOf(COLLECTOR)]);
    await succeeds("doctor --");
  });

  it.each(servers)("no acknowledged span is lost in SIGKILLs of %s", async (server) => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", TRACE_URL: url = "" } = variables();
    const outcome = await killAndCompareSpans(endpoint, url, await killerOf(nameOf(server)), KILLS);
    const detail = told(outcome, "spans", outcome.lost);
    console.log(`  ${detail}`);
    const passed = outcome.lost.length === 0;
    prove(server, { check: `${KILLS} SIGKILLs`, target: "docker", passed, ...groundFor(lab, server), detail });
    expect(outcome.lost).toEqual([]);
    expect(outcome.acknowledged).toBeGreaterThan(3 * KILLS);
    expect(outcome.longest).toBeLessThan(60);
  });

  it("run from the exported compose file, and in folders", async () => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", TRACE_URL } = variables();
    await succeeds("export compose -- --out traced.yml");
    await clone.succeeds(`cp .env.${stack}.admin kept.env`);
    await succeeds("down --");
    const profiles = "--profile core --profile observability";
    const compose = (words: string) => `docker compose --env-file kept.env -f traced.yml ${profiles} ${words}`;
    await clone.succeeds(compose("up --wait"));
    const running = (await clone.succeeds(compose("ps --services"))).trim().split("\n").sort();
    expect(running).toEqual([...servers, "redis"].sort());
    const traceId = await sendSpan(endpoint);
    await expect.poll(() => openTraces({ TRACE_URL }).find(traceId), { timeout: 30_000 }).toHaveLength(1);
    await clone.succeeds(compose("down"));
    await succeeds("up -- --set storage=./folders");
    await succeeds("smoke --");
  });

  it("another product, or none, takes the servers along; reset leaves nothing", async () => {
    await succeeds("up -- --set trace=none");
    const { stdout } = await must("docker", ["ps", "-a", "--format", "{{.Names}}"]);
    for (const server of servers) expect(stdout).not.toContain(nameOf(server));
    expect(variables()).not.toHaveProperty("TRACE_URL");
    expect(await succeeds(`up -- --set trace=${product}`)).toMatch(new RegExp(`✔ ${product} `));
    await succeeds("reset -- --yes");
  });
});
