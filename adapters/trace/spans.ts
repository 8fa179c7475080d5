import {
  type Attributes,
  type Context,
  context,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { schemeOf } from "../env.ts";
import { hideSecrets, messageOf, StoreError, type StoreErrorCode } from "../errors.ts";
import { isTenant } from "../input.ts";
import type { RoleAdapter } from "../role.ts";

/** Whose calls they are. */
export interface About {
  /** Absent for the acts across roles. */
  role?: string;
  tenant?: string;
  url?: string;
}

type Method = (...args: unknown[]) => unknown;

/** An adapter whose acts across tenants are spans. A tenant's calls are, where its stores are given out; what else it has is handed through. */
export function tracedAdapter(adapter: RoleAdapter<unknown>, about: About): RoleAdapter<unknown> {
  const { health } = traced({ health: () => adapter.health() }, about);
  return Object.assign(Object.create(adapter) as RoleAdapter<unknown>, { fleet: traced(adapter.fleet, about), health });
}

/**
 * The same object, each of whose methods is a span while a tracer is registered, from its call until its promise has settled or its iteration has ended. What is no
 * method, and what a method resolves to, is handed through as it is. Without a tracer nothing of a call changes.
 */
export function traced<Acts extends object>(acts: Acts, about: About = {}): Acts {
  const common = describe(about);
  const made = {};
  for (const [name, { value }] of membersOf(acts)) {
    if (typeof value !== "function") {
      Object.defineProperty(made, name, { enumerable: true, get: () => acts[name as keyof Acts] });
    } else {
      const asked = typeof name === "string" && name !== "close";
      // Not bound: `await using` of Node 24 takes a bound function for none.
      const plain: Method = (...args) => value.apply(acts, args);
      const act = asked ? spanned(acts, name, value, about, common) : plain;
      Object.defineProperty(made, name, { enumerable: true, value: act });
    }
  }
  return made as Acts;
}

/** Its own members and those of its classes. */
function membersOf(acts: object): Map<string | symbol, PropertyDescriptor> {
  const members = new Map<string | symbol, PropertyDescriptor>();
  for (let at = acts; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) {
      const member = Object.getOwnPropertyDescriptor(at, name);
      if (member && name !== "constructor" && !members.has(name)) members.set(name, member);
    }
  }
  return members;
}

const tracerName = "agent-stores";

/** The tracer that is registered now: it may come after the stores were opened. One look, since every call asks. */
function registered(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(tracerName)
    : provider.getTracer(tracerName);
}

function spanned(acts: object, name: string, method: Method, about: About, common: Attributes): Method {
  const title = `${name} ${about.role ?? "fleet"}`;
  const kind = "server.address" in common ? SpanKind.CLIENT : SpanKind.INTERNAL;
  const fixed = about.role ? { ...common, "db.operation.name": name, "db.query.summary": title } : common;
  return (...args) => {
    const tracer = registered();
    if (!tracer) return method.apply(acts, args);
    const outside = context.active();
    const span = tracer.startSpan(title, { kind, attributes: { ...fixed, ...saidBy(name, args, about) } }, outside);
    const inside = trace.setSpan(outside, span);
    // A listener is called by a connection, in the context of whoever opened that.
    const given = args.map((arg) => (typeof arg === "function" ? context.bind(outside, arg) : arg));
    try {
      const answer = context.with(inside, method, acts, ...given);
      if (isIterable(answer)) return iterated(answer, span, inside);
      if (answer instanceof Promise) return settled(answer, span);
      return ended(span, answer);
    } catch (error) {
      return failed(span, error);
    }
  };
}

const settled = (answer: Promise<unknown>, span: Span) =>
  answer.then(
    (value) => ended(span, value),
    (error) => failed(span, error),
  );

function ended<Value>(span: Span, value: Value): Value {
  if (Array.isArray(value)) span.setAttribute("db.response.returned_rows", value.length);
  span.end();
  return value;
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

/** Each step runs in the span's context, which ends with the last of them or when the loop is left. */
function iterated(all: AsyncIterable<unknown>, span: Span, inside: Context): AsyncGenerator<unknown> {
  const iterator = all[Symbol.asyncIterator]();
  let rows = 0;
  const step = async (move: () => Promise<IteratorResult<unknown>>) => {
    try {
      const moved = await context.with(inside, move);
      if (!moved.done) rows++;
      else if (span.isRecording()) span.setAttribute("db.response.returned_rows", rows).end();
      return moved;
    } catch (error) {
      return failed(span, error);
    }
  };
  const over = (value: unknown) => Promise.resolve({ done: true as const, value });
  return {
    next: (...args) => step(() => iterator.next(...args)),
    return: (value) => step(() => iterator.return?.(value) ?? over(value)),
    throw: (error) => step(() => iterator.throw?.(error) ?? Promise.reject(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined);
    },
  };
}

/** Their messages speak of the server alone; others may quote what the caller gave, and stay out of the trace. */
const SPEAKING: readonly StoreErrorCode[] = [
  "unavailable",
  "timeout",
  "unprepared",
  "full",
  "unsupported",
  "missing-client",
];

function failed(span: Span, error: unknown): never {
  const code = error instanceof StoreError ? error.code : undefined;
  const name = error instanceof Error ? error.name : "_OTHER";
  const message = code && SPEAKING.includes(code) ? messageOf(error) : "";
  span.setAttribute("error.type", code ?? name);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message && { message }) });
  span.recordException({ name, message, stack: `${name}${message && `: ${message}`}${framesOf(error)}` });
  span.end();
  throw error;
}

/** Where it happened, without the message above it. */
function framesOf(error: unknown): string {
  const { stack = "", message } = error instanceof Error ? error : { message: "" };
  const said = stack.indexOf(message);
  const frames = said < 0 ? said : stack.indexOf("\n    at ", said + message.length);
  return frames < 0 ? "" : hideSecrets(stack.slice(frames));
}

/** What the arguments say that is no content: whose data an act across tenants is about, and how many things came in a list. */
function saidBy(name: string, args: readonly unknown[], about: About): Attributes {
  const [first] = args as [{ tenant?: unknown } | string | undefined];
  const tenant = name === "deleteTenant" ? first : typeof first === "object" ? first?.tenant : undefined;
  const items = args.find(Array.isArray)?.length;
  return {
    ...(about.tenant === undefined && isTenant(tenant) && { "agent_stores.tenant": tenant }),
    ...(items !== undefined && { "agent_stores.items": items }),
  };
}

function describe({ role, tenant, url }: About): Attributes {
  return {
    ...(role !== undefined && { "agent_stores.role": role }),
    ...(tenant !== undefined && { "agent_stores.tenant": tenant }),
    ...(url !== undefined && placeOf(url)),
  };
}

/** What the conventions call a product where its protocol has another name; PGlite is PostgreSQL. */
const SYSTEMS: Readonly<Record<string, string>> = {
  postgres: "postgresql",
  pglite: "postgresql",
  rediss: "redis",
  "mongodb+srv": "mongodb",
};

/** The product and its server, by those parts of the URL that are never secret. */
function placeOf(url: string): Attributes {
  const scheme = schemeOf(url).slice(0, -1);
  const system = { "db.system.name": SYSTEMS[scheme] ?? scheme };
  const at = URL.parse(url);
  // An @ behind the host: a password with an unescaped / has ended it.
  if (!at?.hostname || /@/.test(at.pathname + at.search + at.hash)) return system;
  const namespace = /^\/([\w.-]+)$/.exec(at.pathname)?.[1];
  return {
    ...system,
    ...(namespace !== undefined && { "db.namespace": namespace }),
    "server.address": at.hostname.replace(/^\[|\]$/g, ""),
    ...(at.port !== "" && { "server.port": Number(at.port) }),
  };
}
