import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { context, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { openFleet, openStores, openTraces, startTracing } from "../../adapters/index.ts";
import { parseOtlpUrl } from "../../adapters/trace/otlp-url.ts";
import { catalogue } from "../../components/catalogue/index.ts";
import { connections } from "../../components/connections.ts";
import { makePlan } from "../../components/plan.ts";
import { parse } from "../../stacks/settings.ts";
import { answering, freePort } from "./http-fixture.ts";

// The store of spans, and the SDK that sends them there, against servers that say what they are told to.

const canary = "Hunter2Canary";
const id = "0123456789abcdef0123456789abcdef";
const urlOf = (port: number, api = "jaeger", more = "") =>
  `otlp://:${canary}@127.0.0.1:${port}?tls=false&query=http%3A%2F%2F127.0.0.1%3A${port}&api=${api}${more}`;

/** The message of what was thrown, which shows no login. */
async function failure(work: Promise<unknown>) {
  const error = await work.then(
    () => expect.unreachable("it should have failed"),
    (thrown) => thrown,
  );
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(canary);
  return error;
}

describe("an otlp: URL", () => {
  it("says where spans go and where they are read, as every row writes it", () => {
    for (const [product] of [...catalogue].filter(([, { roles }]) => roles.includes("trace"))) {
      const plan = makePlan(parse("local", { trace: product }), { root: "/project", digests: {} });
      const { env } = connections(plan);
      const place = parseOtlpUrl(String(env.TRACE_URL));
      expect(place).toMatchObject({ endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT, headers: {}, query: { api: product } });
      expect(place.query?.server).toBe(
        `http://127.0.0.1:${plan.services.find((one) => one.product === product)?.ports.query}`,
      );
    }
  });

  it("may be somebody else's: another host, a path, a login", () => {
    expect(parseOtlpUrl("otlp://otel.example/ingest/")).toEqual({
      endpoint: "https://otel.example:4318/ingest",
      headers: {},
      query: undefined,
      timeout: 30_000,
    });
    expect(parseOtlpUrl("otlp://:t%2Fk@h?timeout=500")).toMatchObject({
      headers: { authorization: "Bearer t/k" },
      timeout: 500,
    });
    const basic = `Basic ${Buffer.from("me:a:b").toString("base64")}`;
    expect(parseOtlpUrl("otlp://me:a%3Ab@h").headers).toEqual({ authorization: basic });
  });

  it("is refused where it is none, without being repeated", () => {
    const wrong = ["otlp:", "grpc://h", "otlp://h?tls=maybe", "otlp://h?quary=x", "otlp://h?query=http%3A%2F%2Fq"];
    for (const url of [
      ...wrong,
      "otlp://h?api=jaeger",
      "otlp://h?query=ftp%3A%2F%2Fq&api=tempo",
      "otlp://h?query=http%3A%2F%2Fq&api=zipkin",
    ])
      expect(() => parseOtlpUrl(url), url).toThrow(expect.objectContaining({ code: "invalid" }));
    expect(() => parseOtlpUrl(`otlp://u:${canary}%zz@h`)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(canary) }),
    );
  });

  it("comes out as it went in, whatever the login", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(text, (token) => {
        const { headers } = parseOtlpUrl(`otlp://:${encodeURIComponent(token)}@h`);
        expect(headers.authorization).toBe(`Bearer ${token}`);
      }),
    );
  });
});

describe("a store of spans", () => {
  const span = {
    traceId: id,
    spanId: "0123456789abcdef",
    parentSpanId: "",
    name: "query vector",
    startTimeUnixNano: "1795817711000000000",
    endTimeUnixNano: 1795817711000000000 + 2_000_000,
    attributes: [
      { key: "agent_stores.items", value: { intValue: "3" } },
      { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }, { boolValue: true }] } } },
    ],
    status: { code: 2 },
  };
  const child = {
    ...span,
    traceId: Buffer.from(id, "hex").toString("base64"),
    spanId: Buffer.from("1123456789abcdef", "hex").toString("base64"),
    parentSpanId: Buffer.from(span.spanId, "hex").toString("base64"),
    startTimeUnixNano: "1795817710000000000",
    status: { code: "STATUS_CODE_OK" },
  };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "agent" } }] };
  const resourceSpans = [{ resource, scopeSpans: [{ spans: [span, child] }] }];

  it.each([
    ["jaeger", "/api/v3/traces/", { result: { resourceSpans } }],
    ["tempo", "/api/v2/traces/", { trace: { resourceSpans } }],
  ])("%s: finds what is there, in its own language", async (api, path, body) => {
    const server = await answering();
    await using traces = openTraces({ TRACE_URL: urlOf(server.port, api) });
    server.says({ status: 200, body: JSON.stringify(body) });
    const found = await traces.find(id.toUpperCase());
    expect(server.asked).toMatchObject([{ path: path + id, headers: { authorization: `Bearer ${canary}` } }]);
    expect(found).toMatchObject([
      { traceId: id, spanId: "1123456789abcdef", parentSpanId: "0123456789abcdef", status: "ok" },
      { traceId: id, spanId: "0123456789abcdef", name: "query vector", service: "agent", status: "error" },
    ]);
    expect(found[1]).not.toHaveProperty("parentSpanId");
    expect(found[1]?.attributes).toEqual({ "agent_stores.items": 3, list: ["a", true] });
    server.says({ status: 404, body: "" });
    expect(await traces.find(id)).toEqual([]);
    server.says((asked) => ({
      status: asked.startsWith("/v1/") || asked === "/ready" || asked.endsWith("/services") ? 200 : 500,
      body: "",
    }));
    expect(await traces.health()).toMatch(/^OTLP, (Jaeger|Tempo)$/);
    server.close();
  });

  it("says what is wrong and what to type, without its login", async () => {
    const server = await answering();
    await using traces = openTraces({ TRACE_URL: urlOf(server.port, "jaeger", "&timeout=200") });
    for (const [status, code] of [
      [401, "denied"],
      [404, "unprepared"],
      [429, "unavailable"],
      [503, "unavailable"],
      [500, "failed"],
      [0, "timeout"],
    ] as const) {
      server.says({ status, body: `refused ?token=${canary}` });
      expect(await failure(traces.health()), String(status)).toMatchObject({ code, store: "trace" });
    }
    server.says({ status: 200, body: "<html>" });
    expect(await failure(traces.find(id))).toMatchObject({ code: "failed" });
    expect(() => openTraces({})).toThrow("npm run up -- --set trace=jaeger");
    await expect(traces.find("no id")).rejects.toMatchObject({ code: "invalid" });
    await expect(openTraces({ TRACE_URL: "otlp://h" }).find(id)).rejects.toMatchObject({ code: "unsupported" });
    server.close();
    await using gone = openTraces({ TRACE_URL: urlOf(await freePort()) });
    expect(await failure(gone.health())).toMatchObject({ code: "unavailable", mend: "Start it: npm run up" });
    await gone.close();
    await expect(gone.find(id)).rejects.toMatchObject({ code: "invalid" });
  });

  it("is asked with the others, and is nobody's store", async () => {
    const fleet = openFleet({ SESSION_URL: "inprocess:traces", TRACE_URL: urlOf(await freePort()) });
    const health = await fleet.health();
    expect(health).toMatchObject([
      { role: "session", ok: true },
      { role: "trace", protocol: "otlp", ok: false },
    ]);
    expect(JSON.stringify(health)).not.toContain(canary);
    expect(await fleet.tenants()).toEqual([]);
    expect(await openFleet({ TRACE_URL: `otlp://u:${canary}@h?x=1` }).health()).toMatchObject([
      { role: "trace", ok: false },
    ]);
    await fleet.close();
  });
});

describe("startTracing", () => {
  afterEach(() => {
    trace.disable();
    context.disable();
  });
  const session = (tenant: string) => openStores({ SESSION_URL: "inprocess:traces" }).tenant(tenant).session;

  /** What takes spans, and keeps the bytes. */
  async function collector() {
    const taken: { path?: string; authorization?: string; text: string }[] = [];
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const { url: path, headers } = request;
        taken.push({ path, authorization: headers.authorization, text: Buffer.concat(parts).toString("latin1") });
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { taken, port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() };
  }

  it("sends every call, with the program's name and none of what it holds", async () => {
    using server = await collector();
    const env = { TRACE_URL: `otlp://:token@127.0.0.1:${server.port}?tls=false` };
    const tracing = await startTracing({ env, service: "my-agent" });
    expect(tracing.endpoint).toBe(`http://127.0.0.1:${server.port}`);
    await session("acme").set(`key ${canary}`, { [canary]: canary });
    await tracing.flush();
    await session("later").get(canary);
    await tracing.close();
    const all = server.taken.map(({ text }) => text).join();
    expect(server.taken[0]).toMatchObject({ path: "/v1/traces", authorization: "Bearer token" });
    for (const said of ["my-agent", "set session", "get session", "acme", "later"]) expect(all).toContain(said);
    expect(all).not.toContain(canary);
    await session("after").get("x");
    await tracing.close();
    expect(server.taken.map(({ text }) => text).join()).not.toContain("after");
  });

  it("does nothing without a URL, and refuses one that is none", async () => {
    await using tracing = await startTracing({ env: {} });
    expect(tracing.endpoint).toBeUndefined();
    await tracing.flush();
    await expect(startTracing({ env: { TRACE_URL: `otlp://u:${canary}@` } })).rejects.toMatchObject({
      code: "invalid",
    });
  });

  it("leaves a program alone that has an SDK", async () => {
    const exporter = new InMemorySpanExporter();
    const theirs = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    theirs.register();
    await expect(startTracing({ env: { TRACE_URL: "otlp://127.0.0.1:1?tls=false" } })).rejects.toMatchObject({
      code: "conflict",
    });
    await session("acme").get("x");
    expect(exporter.getFinishedSpans()).toHaveLength(1);
    await theirs.shutdown();
  });

  it.each(["gone", "silent"])("a collector that is %s harms no call, and holds no program up", async (how) => {
    const silent = await answering();
    silent.says({ status: 0, body: "" });
    const port = how === "gone" ? await freePort() : silent.port;
    const tracing = await startTracing({ env: { TRACE_URL: `otlp://127.0.0.1:${port}?tls=false` } });
    const store = session("acme");
    const started = performance.now();
    // More than the SDK's queue has room for.
    for (let at = 0; at < 5_000; at++) await store.set("key", at);
    expect(await store.get("key")).toBe(4_999);
    expect(performance.now() - started).toBeLessThan(5_000);
    await tracing.close();
    expect(performance.now() - started).toBeLessThan(11_000);
    silent.close();
  });
});
