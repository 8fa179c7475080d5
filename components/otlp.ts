import { z } from "zod";
import { type Account, type At, forAll } from "./product.ts";
import { type Text, url } from "./secret.ts";

/** For how long a product of the trace role keeps spans. */
export const retention = z.int().min(1).max(8760).default(168).describe("hours that spans are kept");

/**
 * Spans go to the collector, which passes them on; questions go to the product itself, in its own language. Nobody but programs of this machine reaches either, and neither asks for an account.
 */
export function otlpUrls(at: At, api: "jaeger" | "tempo"): Record<Account, Text> {
  const query = { tls: "false", query: `http://${at.host}:${at.ports.query}`, api };
  return forAll(url({ scheme: "otlp:", host: at.host, port: at.beside["otel-collector"]?.http, query }));
}

/** What SDKs of OpenTelemetry read by themselves, in any language. */
export const otlpVariables = (at: At): Record<string, Text> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://${at.host}:${at.beside["otel-collector"]?.http}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
});
