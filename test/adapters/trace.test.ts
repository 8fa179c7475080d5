import { type AddressInfo, createServer } from "node:net";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../adapters/errors.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { traced } from "../../adapters/trace/spans.ts";
import type { OpenRole } from "../contract/servers.ts";
import { storesUnderTest } from "../contract/under-test.ts";

const canary = "Hunter2Canary";
let exporter: InMemorySpanExporter;
let provider: NodeTracerProvider;

/** Registers an SDK, as an application does: here before each test, and none between them. */
beforeEach(() => {
  exporter = new InMemorySpanExporter();
  provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
});
afterEach(async () => {
  expect(JSON.stringify(spans().map(shown))).not.toContain(canary);
  trace.disable();
  context.disable();
  await provider.shutdown();
});

const spans = () => exporter.getFinishedSpans();
const names = () => spans().map(({ name }) => name);
const shown = ({ name, attributes, status, events }: ReadableSpan) => ({ name, attributes, status, events });
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;

/** The one span of a call, however it ends. */
async function spanOf(call: () => unknown): Promise<ReadableSpan> {
  exporter.reset();
  await settle(call);
  expect(names()).toHaveLength(1);
  return spans()[0] as ReadableSpan;
}

/** Calls, and leaves what iterates at once. */
async function settle(call: () => unknown): Promise<void> {
  try {
    const answer = await call();
    if (typeof answer === "object" && answer && Symbol.asyncIterator in answer)
      for await (const _ of answer as AsyncIterable<unknown>) break;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

/** Methods of a store or a fleet by name, without anybody listing them. */
const methodsOf = (acts: object) =>
  Object.entries(acts).filter((one): one is [string, (...args: unknown[]) => unknown] => typeof one[1] === "function");

/** Those that a tenant's stores are opened for. */
const roles = Object.entries(Object.getOwnPropertyDescriptors(openStores({}).tenant("acme")))
  .filter(([, { get }]) => get)
  .map(([role]) => role as OpenRole);
const stores = () => openStores({ SESSION_URL: "inprocess:trace", ARTIFACT_URL: "inprocess:trace" });

describe.each(roles)("every call of the role %s", async (role) => {
  const [under] = await storesUnderTest(role);
  const about = { "agent_stores.role": role, "db.system.name": expect.any(String) };

  it("is one span of the store", async () => {
    await using opened = openStores(under?.app);
    const store = opened.tenant("acme")[role];
    const methods = methodsOf(store);
    expect(methods.length).toBeGreaterThan(3);
    for (const [name, method] of methods) {
      const span = await spanOf(() => method());
      const said = { ...about, "agent_stores.tenant": "acme", "db.operation.name": name };
      expect(span.name).toBe(`${name} ${role}`);
      expect(span.attributes).toMatchObject({ ...said, "db.query.summary": `${name} ${role}` });
      const failed = span.status.code === SpanStatusCode.ERROR;
      expect("error.type" in span.attributes, name).toBe(failed);
      expect(span.events, name).toHaveLength(failed ? 1 : 0);
    }
    expect(store.can).toEqual(expect.any(Object));
    expect(store.why).toEqual(expect.any(Object));
    expect(exporter.getFinishedSpans(), "looking at them is no call").toHaveLength(1);
  });

  it("is one span of the fleet", async () => {
    await using fleet = openFleet(under?.admin);
    for (const [name, method] of methodsOf(fleet[role])) {
      const span = await spanOf(() => method());
      expect(span.name).toBe(`${name} ${role}`);
      expect(span.attributes).toMatchObject({ ...about, "db.operation.name": name });
      expect(span.attributes).not.toHaveProperty("agent_stores.tenant");
    }
  });
});

describe("a span", () => {
  it("counts what came in a list and what was answered, and says nothing of either", async () => {
    await using opened = stores();
    const { session } = opened.tenant("acme");
    const appended = await spanOf(() => session.append(canary, [canary, { [canary]: canary }]));
    expect(appended.attributes).toMatchObject({ "agent_stores.items": 2 });
    expect(appended.attributes).not.toHaveProperty("db.operation.batch.size");
    const read = await spanOf(() => session.messages(canary, { last: 10 }));
    expect(read.attributes).toMatchObject({ "db.response.returned_rows": 2 });
    const many = await spanOf(() => session.getMany([canary, "b", "c"]));
    expect(many.attributes).toMatchObject({ "agent_stores.items": 3, "db.response.returned_rows": 3 });
  });

  it.each([
    ["redis://app:PASS@HOST/0", "session", { "db.system.name": "redis", "db.namespace": "0" }],
    ["postgres://app:PASS@HOST/core", "vector", { "db.system.name": "postgresql", "db.namespace": "core" }],
    ["s3://app:PASS@HOST/files?tls=false", "artifact", { "db.system.name": "s3", "db.namespace": "files" }],
  ] as const)("says where %s is, that it failed, and no password", async (url, role, said) => {
    const port = await closedPort();
    const at = url.replace("PASS", canary).replace("HOST", `127.0.0.1:${port}`);
    await using opened = openStores({ [`${role.toUpperCase()}_URL`]: at });
    const tenant = opened.tenant("acme");
    const calls = { session: () => tenant.session.get(canary), vector: () => tenant.vector.count() };
    const span = await spanOf({ ...calls, artifact: () => tenant.artifact.stat(canary) }[role]);
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.attributes).toMatchObject({ ...said, "server.address": "127.0.0.1", "server.port": port });
    expect(span.attributes).toMatchObject({ "error.type": "unavailable" });
    expect(span.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringContaining(`:${port}`) });
    const [exception] = span.events;
    expect(exception).toMatchObject({ name: "exception", attributes: { "exception.type": "StoreError" } });
    expect(exception?.attributes?.["exception.stacktrace"]).toContain("\n    at ");
  });

  it("calls a product what the conventions call it, whatever its URL's scheme", async () => {
    for (const [url, system] of [
      ["postgresql://app@h/core", "postgresql"],
      ["pglite:///data", "postgresql"],
      ["rediss://h/0", "redis"],
      ["mongodb+srv://h/core", "mongodb"],
    ] as const)
      expect((await spanOf(traced({ act: () => 1 }, { role: "memory", url }).act)).attributes).toMatchObject({
        "db.system.name": system,
      });
  });

  it("names the tenant of the store, or the one that an act across tenants is about", async () => {
    const copy = (_: { tenant?: unknown }) => 1;
    const tenantOf = async (acts: { copy: typeof copy }, tenant: unknown) =>
      (await spanOf(() => acts.copy({ tenant }))).attributes["agent_stores.tenant"];
    expect(await tenantOf(traced({ copy }, { role: "session" }), "acme")).toBe("acme");
    expect(await tenantOf(traced({ copy }, { role: "session" }), canary)).toBeUndefined();
    expect(await tenantOf(traced({ copy }, { role: "session", tenant: "acme" }), "other")).toBe("acme");
  });

  it("has no message that quotes what the caller gave", async () => {
    await using opened = stores();
    const { session, artifact } = opened.tenant("acme");
    const wrong = await spanOf(() => session.set("k", 1, { ttlMs: canary as never }));
    expect(wrong.attributes).toMatchObject({ "error.type": "invalid" });
    expect(wrong.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(wrong.events[0]?.attributes?.["exception.stacktrace"]).toMatch(/^StoreError\n {4}at /);
    const stale = await spanOf(() => session.set("k", 1, { fence: { lock: canary, token: 1 } }));
    expect(stale.attributes).toMatchObject({ "error.type": "conflict" });
    async function* body() {
      yield Buffer.from("some");
      throw new RangeError(canary);
    }
    const theirs = await spanOf(() => artifact.put(canary, body()));
    expect(theirs.attributes).toMatchObject({ "error.type": "RangeError" });
    const odd = traced({ act: () => Promise.reject(canary) });
    expect((await spanOf(() => odd.act().catch(() => {}))).attributes).toMatchObject({ "error.type": "_OTHER" });
  });

  it("has no part of a URL that a password has broken", async () => {
    for (const url of [
      `redis://app:12/${canary}@127.0.0.1/0`,
      `redis://app:${canary}`,
      `redis://app:1/?x=${canary}@h`,
    ]) {
      const made = traced({ act: () => 1 }, { role: "session", url });
      const { attributes } = await spanOf(() => made.act());
      expect(attributes).toMatchObject({ "db.system.name": "redis" });
      expect(attributes).not.toHaveProperty("server.address");
      expect(attributes).not.toHaveProperty("server.port");
    }
  });
});

describe("an iteration", () => {
  async function filled() {
    const opened = stores();
    const { session } = opened.tenant("acme");
    for (const key of ["a", "b", "c"]) await session.set(key, canary);
    exporter.reset();
    return { session, [Symbol.asyncDispose]: () => opened.close() };
  }

  it("is one span until its end, with how many came", async () => {
    await using at = await filled();
    const keys: string[] = [];
    for await (const key of at.session.keys()) {
      expect(names(), "it is still under way").toEqual([]);
      keys.push(key);
    }
    expect(keys.sort()).toEqual(["a", "b", "c"]);
    expect(spans().map(shown)).toMatchObject([
      { name: "keys session", attributes: { "db.response.returned_rows": 3 } },
    ]);
  });

  it("that is left ends its span, also by disposal and before it began", async () => {
    await using at = await filled();
    for await (const _ of at.session.keys()) break;
    const begun = at.session.keys()[Symbol.asyncIterator]() as AsyncGenerator<string>;
    await begun.next();
    await begun[Symbol.asyncDispose]();
    await (at.session.keys()[Symbol.asyncIterator]() as AsyncGenerator<string>).return(undefined);
    expect(spans().map(({ attributes }) => attributes["db.response.returned_rows"])).toEqual([1, 1, 0]);
  });

  it("that breaks is a failure", async () => {
    await using at = await filled();
    const keys = at.session.keys({ prefix: 1 as never })[Symbol.asyncIterator]();
    await expect(keys.next()).rejects.toMatchObject({ code: "invalid" });
    expect(spans().map(shown)).toMatchObject([{ status: { code: SpanStatusCode.ERROR }, events: [{}] }]);
  });
});

describe("the context", () => {
  it("makes a call the child of what is under way, and what happens within its child", async () => {
    const inner = async (name: string) => trace.getTracer("http").startSpan(name).end();
    async function* steps() {
      await inner("step 1");
      yield 1;
      await inner("step 2");
    }
    const act = traced({ act: () => inner("request"), steps }, { role: "session", tenant: "acme" });
    await trace.getTracer("app").startActiveSpan("turn", async (turn) => {
      await act.act();
      for await (const _ of act.steps()) await inner("between");
      turn.end();
    });
    const of = (name: string) => spans().find((span) => span.name === name);
    expect(parentOf(of("request"))).toBe(idOf(of("act session")));
    for (const name of ["act session", "steps session", "between"]) expect(parentOf(of(name))).toBe(idOf(of("turn")));
    for (const name of ["step 1", "step 2"]) expect(parentOf(of(name))).toBe(idOf(of("steps session")));
  });

  it("of a listener is its caller's, whichever connection it is called by", async () => {
    await using opened = stores();
    const { session } = opened.tenant("acme");
    const heard = Promise.withResolvers<string | undefined>();
    await trace.getTracer("app").startActiveSpan("listening", async (span) => {
      await using _ = await session.subscribe("news", () => heard.resolve(trace.getActiveSpan()?.spanContext().spanId));
      await trace.getTracer("app").startActiveSpan("telling", () => session.publish("news", canary));
      expect(await heard.promise).toBe(span.spanContext().spanId);
      span.end();
    });
  });
});

describe("the acts across roles", () => {
  it("are a span each, with one for every role below", async () => {
    await using fleet = openFleet({ SESSION_URL: "inprocess:trace", ARTIFACT_URL: "inprocess:trace" });
    for (const act of [() => fleet.health(), () => fleet.tenants(), () => fleet.deleteTenant("acme")]) {
      exporter.reset();
      await act();
      const [top] = spans().slice(-1);
      expect(top?.name).toMatch(/ fleet$/);
      expect(top?.attributes).not.toHaveProperty("db.system.name");
      const below = spans().slice(0, -1);
      expect(parentOf(top)).toBeUndefined();
      expect(new Set(below.map(parentOf))).toEqual(new Set([idOf(top)]));
      const asked = below.map(({ attributes }) => attributes["agent_stores.role"]);
      expect([...new Set(asked)].sort()).toEqual(["artifact", "session"]);
    }
    const tenants = spans().map(({ attributes }) => attributes["agent_stores.tenant"]);
    expect(new Set(tenants)).toEqual(new Set(["acme"]));
  });
});

describe("without an SDK", () => {
  it("there is no span, and a call answers with the very same", async () => {
    trace.disable();
    const answer = Promise.resolve(1);
    const all = (async function* () {})();
    const made = traced({ act: () => answer, list: () => all, sum: (...numbers: number[]) => numbers.length });
    expect(made.act()).toBe(answer);
    expect(made.list()).toBe(all);
    expect(made.sum(1, 2, 3)).toBe(3);
    await using opened = stores();
    const { session } = opened.tenant("acme");
    expect(await session.set("k", { a: [1] })).toBe(true);
    expect(await session.get("k")).toEqual({ a: [1] });
    await expect(session.get("")).rejects.toBeInstanceOf(StoreError);
    expect(names()).toEqual([]);
  });

  it("one that comes later is found, and one that goes is forgotten", async () => {
    trace.disable();
    await using opened = stores();
    const { session } = opened.tenant("acme");
    await session.counter("a");
    trace.setGlobalTracerProvider(provider);
    await session.counter("b");
    trace.disable();
    await session.counter("c");
    expect(names()).toEqual(["counter session"]);
  });
});

it("stores that are classes work, and what they hold back stays theirs", async () => {
  class Base {
    #held = 1;
    async add(by: number) {
      this.#held += by;
      return this.#held;
    }
    async close() {
      return -this.#held;
    }
  }
  class Store extends Base {
    readonly can = { durable: true };
    get held() {
      return this.add(0);
    }
    twice = async () => (await this.add(1)) + (await this.add(1));
  }
  const store = traced(new Store(), { role: "session", tenant: "acme" });
  expect(await store.twice()).toBe(5);
  expect(await store.add(1)).toBe(4);
  expect(await store.held).toBe(4);
  expect(store.can).toEqual({ durable: true });
  expect(await store.close(), "which is no call").toBe(-4);
  expect(names(), "a store's own calls are part of it").toEqual(["twice session", "add session"]);
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
