import { setTimeout as sleep } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { type FoundSpan, openTraces, startTracing, type Traces } from "../../../adapters/index.ts";
import { BY_URL } from "../../../components/plan.ts";
import { type Context, check, type RoleSteps } from "../step.ts";

/** Longest wait for a span that was sent to be found, in milliseconds. */
const PATIENCE = 15_000;

/** What proves the `trace` role: a call of the fleet is traced, and its spans are read back out of the product. They stay there until their time is over. */
export function traceSteps(context: Context): RoleSteps {
  const run = new Traced(context);
  const readBack = { name: "read the spans back", role: "trace", run: () => run.readBack() } as const;
  return {
    steps: [{ name: "send spans", role: "trace", run: () => run.send() }, readBack],
    ping: () => run.readBack(),
    afterRestart: [readBack],
  };
}

/** A name by which the collector takes an attribute out. */
const SECRET = "smoke.password";

class Traced {
  readonly #context: Context;
  #traceId = "";

  constructor(context: Context) {
    this.#context = context;
  }

  /** One trace: the program's own span, and below it what the stores do. */
  async send(): Promise<string> {
    const { run, fleet } = this.#context;
    const TRACE_URL = this.#context.urlOf("trace");
    // Says what is wrong: the SDK drops what nobody takes.
    const answers = await this.#open((traces) => traces.health());
    await using tracing = await startTracing({ env: { TRACE_URL }, service: "agent-stores-smoke" });
    await trace.getTracer("smoke").startActiveSpan("smoke", async (span) => {
      span.setAttributes({ "smoke.run": run, [SECRET]: run });
      this.#traceId = span.spanContext().traceId;
      await fleet.health();
      span.end();
    });
    await tracing.flush();
    return `trace ${this.#traceId} to ${tracing.endpoint} (${answers})`;
  }

  /** Every span of it, whole: a store may have some of a trace before the others. */
  async readBack(): Promise<string> {
    const stored = Object.keys(this.#context.plan.bindings).filter((role) => role !== "trace");
    const expected = ["health fleet", ...stored.map((role) => `health ${role}`), "smoke"].sort();
    const spans = await this.#open((traces) => this.#whole(traces, expected.length));
    const names = spans.map(({ name }) => name).sort();
    check(names.join() === expected.join(), `of ${expected.join(", ")} the trace has ${names.join(", ") || "nothing"}`);
    const own = spans.find(({ name }) => name === "smoke");
    check(own?.attributes["smoke.run"] === this.#context.run, "the program's span came back changed");
    check(own.service === "agent-stores-smoke", `the span is one of ${JSON.stringify(own.service)}`);
    const act = spans.find(({ name }) => name === "health fleet");
    check(act?.parentSpanId === own.spanId, "the fleet's span is not below the program's");
    for (const { name, parentSpanId, attributes } of spans.filter((span) => span !== own && span !== act)) {
      check(parentSpanId === act.spanId, `${name} is not below the fleet's span`);
      check(typeof attributes["db.system.name"] === "string", `${name} does not say what was asked`);
    }
    const collected = this.#context.plan.bindings.trace !== BY_URL;
    if (collected) check(!(SECRET in own.attributes), `the attribute ${SECRET} was not taken out on its way`);
    return `${spans.length} spans${collected ? `, without ${SECRET}` : ""}`;
  }

  async #open<T>(work: (traces: Traces) => Promise<T>): Promise<T> {
    await using traces = openTraces({ TRACE_URL: this.#context.urlOf("trace") });
    return await work(traces);
  }

  async #whole(traces: Traces, count: number): Promise<FoundSpan[]> {
    for (const deadline = performance.now() + PATIENCE; ; await sleep(50)) {
      const spans = await traces.find(this.#traceId);
      if (spans.length >= count || performance.now() > deadline) return spans;
    }
  }
}
