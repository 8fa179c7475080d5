import { stringify } from "yaml";
import { z } from "zod";
import { otlpUrls, otlpVariables, retention } from "../otlp.ts";
import { type At, GiB, MiB, type Product } from "../product.ts";

const CONFIG = "/etc/tempo/agent-stores.yaml";
const DATA = "/var/tempo";

/** For Tempo 3: older ones have other blocks. */
const settings = ({ options }: At) => ({
  server: { http_listen_port: 3200, log_level: "warn" },
  distributor: { receivers: { otlp: { protocols: { http: { endpoint: "0.0.0.0:4318" } } } } },
  storage: { trace: { backend: "local", wal: { path: `${DATA}/wal` }, local: { path: `${DATA}/blocks` } } },
  overrides: { defaults: { compaction: { block_retention: `${options.retentionHours}h` } } },
  memory: { automemlimit_enabled: true },
  usage_report: { reporting_enabled: false },
});

export default {
  title: "Grafana Tempo",
  licence: "AGPL-3.0",
  upkeep: { state: "maintained" },
  roles: ["trace"],
  companions: ["otel-collector"],
  protocol: "otlp",
  options: z.strictObject({ retentionHours: retention }),
  urls: (at) => otlpUrls(at, "tempo"),
  variables: otlpVariables,
  container: {
    image: "docker.io/grafana/tempo:3.0.3",
    ports: { query: { container: 3200, host: 3200 } },
    alias: "traces",
    data: DATA,
    user: { uid: 10001, gid: 10001, any: true },
    credentials: [],
    env: () => ({}),
    args: () => ["-target=all", `-config.file=${CONFIG}`],
    files: (at) => ({ [CONFIG]: { content: stringify(settings(at)) } }),
    // Its image has no shell; the server's own program asks it.
    probe: { exec: ["/tempo", "-health", "-health.url=http://127.0.0.1:3200/ready"] },
    stop: { signal: "SIGTERM", grace: 90 },
    startup: 180,
    budgets: {
      dev: { cpu: 0.5, memory: 1 * GiB, disk: 10 * GiB },
      production: { cpu: 2, memory: 8 * GiB, disk: 200 * GiB },
    },
    minimum: { memory: 512 * MiB },
  },
} satisfies Product;
