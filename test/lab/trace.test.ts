import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { must } from "./exec.ts";
import { only } from "./flags.ts";
import { killerOf, told } from "./kill.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";
import { killAndCompareSpans } from "./trace-kills.ts";

// The trace role: a product that keeps spans, and the collector beside it, which takes them.

const lab = inject("lab");
const STACK = "traced";
const KILLS = 20;
const SERVERS = ["jaeger", "otel-collector"] as const;
const nameOf = (product: string) => `agent-stores-${STACK}-${product}`;

describe("jaeger and the collector for trace", () => {
  const clone = useClone([STACK]);
  const type = (command: string) => clone.run(`npm run -s ${command} --stack ${STACK}`);
  const succeeds = (command: string) => clone.succeeds(`npm run -s ${command} --stack ${STACK}`);
  const variables = () => parseEnv(readFileSync(join(clone.folder, `.env.${STACK}`), "utf8"));
  const engine = { target: "docker", passed: true } as const;

  it("come up together, and the smoke reads back what it sent", async () => {
    const images = ["redis", ...SERVERS].map((product) => `--set images.${product}=${lab.images[product]}`).join(" ");
    const said = await succeeds(`up -- --port auto ${only("redis")} --set trace=jaeger ${images}`);
    for (const product of SERVERS) expect(said).toMatch(new RegExp(`✔ ${product} +ready in .* trace`));
    expect(said).toMatch(/console http:/);
    const whole = await succeeds("smoke --");
    console.log(whole);
    expect(whole.match(/read the spans back/g), "before the restart, and after it").toHaveLength(2);
    for (const product of SERVERS)
      prove(product, {
        ...engine,
        check: "smoke",
        ...groundFor(lab, product),
        detail: `Docker engine ${lab.engineVersion}`,
      });
  });

  it("are known to the other commands", async () => {
    expect(await succeeds("status --")).toMatch(/^ *otel-collector +running +yes .* trace$/m);
    const doctor = await succeeds("doctor --");
    expect(doctor).toMatch(/otel-collector +running, answers/);
    for (const command of ["env --", "migrate --", "logs -- --no-follow"]) await type(command);
    expect(await succeeds("up --")).toContain("no change");
    const swap = await type("swap trace tempo --");
    expect([swap.code, swap.stderr]).toEqual([1, expect.stringContaining("spans stay where they are")]);
  });

  it("tells a program in any language where to send, and gives no secret away", async () => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", TRACE_URL = "" } = variables();
    expect(TRACE_URL).toMatch(/^otlp:\/\/127\.0\.0\.1:\d+\?tls=false&query=.*&api=jaeger$/);
    const { status } = await fetch(`${endpoint}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(status).toBe(200);
  });

  it("collector gone: the other roles go on, and it is said which one does not", async () => {
    await must("docker", ["stop", nameOf("otel-collector")]);
    const status = await type("status --");
    expect(status.code).toBe(1);
    expect(status.stdout + status.stderr).toMatch(/No connection to 127\.0\.0\.1:\d+ .*npm run up/);
    expect(status.stdout).toMatch(/^ *redis +running, healthy +yes/m);
    expect((await type("doctor --")).stdout).toMatch(/otel-collector +exited/);
    const smoke = await type("smoke --");
    expect(smoke.code).toBe(1);
    expect(smoke.stdout + smoke.stderr).toMatch(/step "send spans" on jaeger: No connection to 127\.0\.0\.1/);
    expect(smoke.stdout, "those of session, before").toMatch(/✔ +hold a conversation/);
    await succeeds("up --");
  });

  it("a collector that stands still is noticed", async () => {
    await must("docker", ["kill", "-s", "STOP", nameOf("otel-collector")]);
    const doctor = await type("doctor --");
    expect(doctor.stdout).toMatch(/otel-collector +running, and http:.* does not answer/);
    await must("docker", ["kill", "-s", "CONT", nameOf("otel-collector")]);
    await succeeds("doctor --");
  });

  it.each(SERVERS)("%s: no acknowledged span is lost in its SIGKILLs", async (product) => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", TRACE_URL: url = "" } = variables();
    const outcome = await killAndCompareSpans(endpoint, url, await killerOf(nameOf(product)), KILLS);
    const detail = told(outcome, "spans", outcome.lost);
    console.log(`  ${detail}`);
    const passed = outcome.lost.length === 0;
    prove(product, { target: "docker", passed, check: `${KILLS} SIGKILLs`, ...groundFor(lab, product), detail });
    expect(outcome.lost).toEqual([]);
    expect(outcome.acknowledged).toBeGreaterThan(3 * KILLS);
    expect(outcome.longest).toBeLessThan(60);
  });

  it("another product, or none, takes the servers along; reset leaves nothing", async () => {
    await succeeds("up -- --set trace=none");
    const { stdout } = await must("docker", ["ps", "-a", "--format", "{{.Names}}"]);
    for (const product of SERVERS) expect(stdout).not.toContain(nameOf(product));
    expect(variables()).not.toHaveProperty("TRACE_URL");
    expect(await succeeds("up -- --set trace=jaeger")).toMatch(/✔ jaeger /);
    for (const command of ["down --", "up --", "reset -- --yes"]) await succeeds(command);
  });
});
