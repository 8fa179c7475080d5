import { context, ProxyTracerProvider, propagation, trace } from "@opentelemetry/api";
import { optional } from "../clients/optional.ts";
import { readEnv } from "../env.ts";
import { StoreError } from "../errors.ts";
import type { Tracing, TracingOptions } from "./contract.ts";
import { parseOtlpUrl } from "./otlp-url.ts";

/** Longest wait for a collector when a program ends, in milliseconds. */
const PATIENCE = 5_000;

/**
 * Sends the spans of this program, of the stores and of whatever else makes some, to TRACE_URL, with the official SDK. They go in batches, beside the program's work; where nobody takes them they are dropped. Without
 * TRACE_URL nothing is sent. A program that has an SDK already gives that one an OTLP exporter instead.
 *
 * Throws `StoreError`: `invalid` for a URL that is none, `missing-client` where the SDK is not installed, `conflict` where another is registered.
 */
export async function startTracing({ env = readEnv(".env"), service }: TracingOptions = {}): Promise<Tracing> {
  if (!env.TRACE_URL)
    return tracing(
      undefined,
      async () => {},
      async () => {},
    );
  const { endpoint, headers, timeout } = parseOtlpUrl(env.TRACE_URL);
  const sdk = await optional("trace", "@opentelemetry/sdk-trace-node", () => import("@opentelemetry/sdk-trace-node"));
  const { OTLPTraceExporter } = await optional(
    "trace",
    "@opentelemetry/exporter-trace-otlp-proto",
    () => import("@opentelemetry/exporter-trace-otlp-proto"),
  );
  const { resourceFromAttributes } = await optional(
    "trace",
    "@opentelemetry/resources",
    () => import("@opentelemetry/resources"),
  );
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers, timeoutMillis: timeout });
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": service ?? env.OTEL_SERVICE_NAME ?? "agent-stores" }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter, { exportTimeoutMillis: timeout })],
  });
  provider.register();
  if (!isRegistered(provider)) {
    await provider.shutdown();
    throw new StoreError(
      "conflict",
      "trace",
      "Another tracer is registered in this program.",
      `Give that one an OTLP exporter for ${endpoint}, and do not start this one.`,
    );
  }
  return tracing(
    endpoint,
    () => provider.forceFlush(),
    () => {
      trace.disable();
      context.disable();
      propagation.disable();
      return provider.shutdown();
    },
  );
}

function isRegistered(provider: object): boolean {
  const registered = trace.getTracerProvider();
  return (registered instanceof ProxyTracerProvider ? registered.getDelegate() : registered) === provider;
}

function tracing(endpoint: string | undefined, flush: () => Promise<void>, end: () => Promise<void>): Tracing {
  let ended: Promise<void> | undefined;
  const close = () => {
    ended ??= inTime(end());
    return ended;
  };
  return { endpoint, flush: () => inTime(flush()), close, [Symbol.asyncDispose]: close };
}

/** Resolves when the work has ended, however, or nobody should wait for it any longer. */
async function inTime(work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, PATIENCE);
  await Promise.race([work.catch(() => {}), late.promise]);
  clearTimeout(timer);
}
