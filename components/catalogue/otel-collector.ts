import { stringify } from "yaml";
import { z } from "zod";
import { type At, forAll, GiB, MiB, type Product } from "../product.ts";
import { url } from "../secret.ts";

const CONFIG = "/etc/otelcol/agent-stores.yaml";
const DATA = "/var/lib/otelcol";

/**
 * Names of attributes that are taken out on the way, wherever they stand alone or as a word of a name: passwords and the like, and what the conventions call a statement's bound values. Counts of
 * tokens (`gen_ai.usage.input_tokens`) are none of them.
 */
const SECRETS = [
  "(^|[._-])(password|passwd|passphrase|pwd|secret|authorization|cookie|set-cookie|credentials?|api[._-]?key|(access|private|secret)[._-]?key|(access|auth|bearer|id|refresh|session)[._-]?token)($|[._-])",
  "^token$",
  "^db\\.(query|operation)\\.parameter\\.",
].map((pattern) => `(?i)${pattern}`);

/**
 * What was taken is on disk before the sender is told so, and goes on from there, in batches, when the store can take it: neither a kill nor a store that restarts loses a span.
 */
const settings = ({ budget }: At) => ({
  extensions: { file_storage: { directory: DATA } },
  receivers: { otlp: { protocols: { grpc: { endpoint: "0.0.0.0:4317" }, http: { endpoint: "0.0.0.0:4318" } } } },
  processors: {
    memory_limiter: {
      check_interval: "1s",
      limit_mib: Math.floor((budget.memory * 0.75) / MiB),
      spike_limit_mib: Math.floor((budget.memory * 0.2) / MiB),
    },
    attributes: { actions: SECRETS.map((pattern) => ({ pattern, action: "delete" })) },
  },
  exporters: {
    // Newer ones call it otlp_http too.
    otlphttp: {
      endpoint: "http://traces:4318",
      sending_queue: {
        storage: "file_storage",
        queue_size: 10_000,
        batch: { flush_timeout: "200ms", min_size: 512, max_size: 4096, sizer: "items" },
      },
      // As long as the queue has room.
      retry_on_failure: { initial_interval: "1s", max_interval: "10s", max_elapsed_time: "0s" },
    },
  },
  service: {
    extensions: ["file_storage"],
    pipelines: {
      traces: { receivers: ["otlp"], processors: ["memory_limiter", "attributes"], exporters: ["otlphttp"] },
    },
    telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
  },
});

export default {
  title: "OpenTelemetry Collector",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: [],
  protocol: "otlp",
  options: z.strictObject({}),
  // Nobody but programs of this machine reaches it, and it asks for no account.
  urls: (at) => forAll(url({ scheme: "otlp:", host: at.host, port: at.ports.http, query: { tls: "false" } })),
  container: {
    image: "docker.io/otel/opentelemetry-collector-contrib:0.161.0",
    ports: { http: { container: 4318, host: 4318 }, grpc: { container: 4317, host: 4317 } },
    data: DATA,
    // Its image has no folder that its own user may write; root has no rights here but over what is its own.
    user: { uid: 0, gid: 0, any: true },
    credentials: [],
    env: ({ budget }) => ({ GOMEMLIMIT: `${Math.floor((budget.memory * 0.8) / MiB)}MiB` }),
    args: () => [`--config=${CONFIG}`],
    files: (at) => ({ [CONFIG]: { content: stringify(settings(at)) } }),
    // 405, which is an answer: it takes spans there and gives none.
    probe: { host: { port: "http", path: "/v1/traces" } },
    stop: { signal: "SIGTERM", grace: 30 },
    startup: 60,
    budgets: {
      dev: { cpu: 0.5, memory: 256 * MiB, disk: 1 * GiB },
      production: { cpu: 1, memory: 1 * GiB, disk: 10 * GiB },
    },
    minimum: { memory: 128 * MiB },
  },
} satisfies Product;
