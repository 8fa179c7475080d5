import { stringify } from "yaml";
import { z } from "zod";
import { otlpUrls, otlpVariables, retention } from "../otlp.ts";
import { type At, GiB, MiB, type Product } from "../product.ts";

const CONFIG = "/etc/jaeger/agent-stores.yaml";
const DATA = "/tmp";

const settings = ({ options }: At) => ({
  extensions: {
    jaeger_storage: {
      backends: {
        kept: {
          badger: {
            directories: { keys: `${DATA}/jaeger/keys`, values: `${DATA}/jaeger/values` },
            ephemeral: false,
            ttl: { spans: `${options.retentionHours}h` },
          },
        },
      },
    },
    jaeger_query: {
      storage: { traces: "kept" },
      http: { endpoint: "0.0.0.0:16686" },
      grpc: { endpoint: "127.0.0.1:16685" },
    },
    healthcheckv2: { use_v2: true, http: { endpoint: "0.0.0.0:13133" } },
  },
  receivers: { otlp: { protocols: { http: { endpoint: "0.0.0.0:4318" } } } },
  // The collector has made batches.
  exporters: { jaeger_storage_exporter: { trace_storage: "kept" } },
  service: {
    extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
    pipelines: { traces: { receivers: ["otlp"], exporters: ["jaeger_storage_exporter"] } },
    telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
  },
});

export default {
  title: "Jaeger",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["trace"],
  companions: ["otel-collector"],
  protocol: "otlp",
  options: z.strictObject({ retentionHours: retention }),
  urls: (at) => otlpUrls(at, "jaeger"),
  variables: otlpVariables,
  console: "query",
  container: {
    image: "docker.io/jaegertracing/jaeger:2.20.0",
    ports: { query: { container: 16686, host: 16686 } },
    alias: "traces",
    // The one folder of its image that its user may write: a fresh volume elsewhere belongs to root.
    data: DATA,
    user: { uid: 10001, gid: 10001, any: true },
    credentials: [],
    env: ({ budget }) => ({
      GOMEMLIMIT: `${Math.floor((budget.memory * 0.8) / MiB)}MiB`,
      // Its own spans would go to a server that is not there, for which it waits when it stops.
      OTEL_TRACES_SAMPLER: "always_off",
    }),
    args: () => ["--config", CONFIG],
    files: (at) => ({ [CONFIG]: { content: stringify(settings(at)) } }),
    probe: { exec: ["wget", "-q", "-T", "4", "-O", "/dev/null", "http://127.0.0.1:13133/status"] },
    stop: { signal: "SIGTERM", grace: 30 },
    startup: 120,
    budgets: {
      dev: { cpu: 0.5, memory: 512 * MiB, disk: 10 * GiB },
      production: { cpu: 2, memory: 2 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 256 * MiB },
  },
} satisfies Product;
