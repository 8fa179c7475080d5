import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { catalogue } from "../components/catalogue/index.ts";
import { renderCompose } from "../components/compose.ts";
import { connections } from "../components/connections.ts";
import { renderDocker } from "../components/docker.ts";
import { alternatesOf, makePlan } from "../components/plan.ts";
import { fill, secretsIn, written } from "../components/secret.ts";
import { parse } from "../stacks/settings.ts";

const plan = (raw: Record<string, unknown> = {}) => makePlan(parse("local", raw), { root: "/project", digests: {} });

describe("renderDocker", () => {
  it("gives Postgres its limits, its probe, its volume and a loopback port", () => {
    const [service] = renderDocker(plan()).services;
    expect(service).toMatchObject({
      name: "agent-stores-local-postgres",
      user: "999:999",
      memory: 1024,
      shm: 256,
      cpus: 2,
      ports: [{ host: 5432, container: 5432 }],
      mount: { type: "volume", source: "agent-stores-local-postgres", target: "/var/lib/postgresql" },
      stopSignal: "SIGINT",
      stopGrace: 90,
    });
    expect(service?.args).toContain("shared_buffers=256MB");
  });

  it("notices a stopped server within 30 s", () => {
    for (const { healthcheck } of renderDocker(plan()).services)
      expect(healthcheck && (healthcheck.interval + healthcheck.timeout) * healthcheck.retries).toBeLessThan(30);
  });

  it("tunes by the budget, and lets a setting of the user's win", () => {
    const [service] = renderDocker(
      plan({
        budgets: { postgres: { memory: "4GiB" } },
        options: { postgres: { settings: { shared_buffers: "2GB" } } },
      }),
    ).services;
    expect(service?.args).toContain("shared_buffers=2GB");
    expect(service?.args).toContain("effective_cache_size=2560MB");
  });

  it("keeps volumes and no containers while the stack is down", () => {
    expect(renderDocker(plan({ running: false }))).toMatchObject({
      volumes: ["postgres", "redis", "minio"].map((product) => ({ name: `agent-stores-local-${product}` })),
      services: [],
    });
    expect(connections(plan({ running: false }))).toEqual({ env: {}, adminEnv: {}, endpoints: {} });
  });

  it("holds credentials as references only", () => {
    expect(secretsIn(renderDocker(plan({ session: "none", artifact: "none" })))).toEqual([
      { secret: "postgres.admin" },
    ]);
  });

  it("turns TLS on with a key of the server's own", () => {
    const tls = plan({ options: { postgres: { tls: true } } });
    const [service] = renderDocker(tls).services;
    expect(service?.args).toContain("ssl=on");
    expect(secretsIn(service).map(({ secret }) => secret)).toEqual([
      "postgres.admin",
      "postgres.tlsCert",
      "postgres.tlsKey",
    ]);
    expect(fill(connections(tls).env.VECTOR_URL ?? "", () => "pw")).toMatch(/sslmode=require$/);
  });
});

describe("a server that keeps hashes", () => {
  it("gets the SHA-256 of its passwords and never the passwords", () => {
    const [file] = renderDocker(plan({ vector: "none", memory: "none", artifact: "none" })).services.flatMap(
      ({ files }) => files,
    );
    const text = fill(file?.content ?? "", ({ secret, as }) => `<${as} ${secret}>`);
    expect(text).toContain("user app on #<sha256 redis.app> ~t:*");
    expect(text).not.toContain("<undefined");
    expect(written("abc", "sha256")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("products that take each other's place", () => {
  const urlOf = (raw: Record<string, unknown>, name: string) => connections(plan(raw)).env[name];

  it("have the same URL, so clients keep their .env", () => {
    for (const session of ["valkey", "keydb"])
      expect(urlOf({ session }, "SESSION_URL")).toEqual(urlOf({ session: "redis" }, "SESSION_URL"));
    expect(urlOf({ artifact: "rustfs" }, "ARTIFACT_URL")).toEqual(urlOf({ artifact: "minio" }, "ARTIFACT_URL"));
    expect(urlOf({ artifact: "seaweedfs" }, "S3_ENDPOINT")).toEqual(urlOf({ artifact: "minio" }, "S3_ENDPOINT"));
  });

  it("take each other's port where it was moved", () => {
    for (const [session, ports] of [
      ["valkey", { redis: 6400 }],
      ["redis", { valkey: 6400 }],
    ] as const)
      expect(
        renderDocker(plan({ session, ports, vector: "none", memory: "none", artifact: "none" })).services[0]?.ports[0]
          ?.host,
      ).toBe(6400);
  });

  it("keep their data apart", () => {
    const volumes = ["redis", "valkey"].map((session) =>
      renderDocker(plan({ session })).volumes.map(({ name }) => name),
    );
    expect(volumes[0]).not.toEqual(volumes[1]);
  });
});

/** Nothing fills the roles that something fills by itself. */
const none = {
  vector: "none",
  memory: "none",
  session: "none",
  artifact: "none",
  run: "none",
  event: "none",
  search: "none",
};

describe("a product that has a companion", () => {
  const traced = (raw: Record<string, unknown> = {}) => plan({ ...none, trace: "jaeger", ...raw });

  it("has it beside itself, which serves the same role and is a service like any other", () => {
    const all = traced();
    expect(all.services.map(({ product, roles }) => [product, roles])).toEqual([
      ["jaeger", ["trace"]],
      ["otel-collector", ["trace"]],
    ]);
    expect(all.bindings).toEqual({ trace: "jaeger" });
    const { services, volumes } = renderDocker(all);
    expect(services.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
    expect(services.map(({ aliases }) => aliases)).toEqual([["traces"], []]);
  });

  it("is named at its companion's port, wherever that is, and one URL serves every account", () => {
    const { env, adminEnv } = connections(traced({ ports: { "otel-collector": { http: 24_318 }, jaeger: 26_686 } }));
    expect(env).toEqual({
      TRACE_URL: "otlp://127.0.0.1:24318?tls=false&query=http%3A%2F%2F127.0.0.1%3A26686&api=jaeger",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:24318",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    });
    expect(adminEnv).toMatchObject({
      JAEGER_ADMIN_URL: env.TRACE_URL,
      OTEL_COLLECTOR_ADMIN_URL: "otlp://127.0.0.1:24318?tls=false",
    });
  });

  it("gives its companion the same settings, whichever product it is", () => {
    const collectorOf = (trace: string) =>
      renderDocker(traced({ trace })).services.find(({ product }) => product === "otel-collector");
    expect(collectorOf("tempo")).toEqual(collectorOf("jaeger"));
    expect(collectorOf("jaeger")?.files[0]?.content).toContain("http://traces:4318");
  });

  it("keeps spans for as long as it is told, and refuses a port that its companion has", () => {
    for (const [trace, kept] of [
      ["jaeger", "spans: 48h"],
      ["tempo", "block_retention: 48h"],
    ] as const)
      expect(
        renderDocker(traced({ trace, options: { [trace]: { retentionHours: 48 } } })).services[0]?.files[0]?.content,
      ).toContain(kept);
    expect(() => traced({ options: { jaeger: { retentionHours: 0 } } })).toThrow("retentionHours");
    expect(() => traced({ ports: { jaeger: 4318 } })).toThrow("port 4318 is also that of jaeger.query");
  });

  it("fills no role by itself", () => {
    expect(() => traced({ trace: "otel-collector" })).toThrow('there is no product "otel-collector" for it');
  });
});

describe("a server whose image has no shell", () => {
  it("is asked from outside, and the engine is told no healthcheck", () => {
    const [tempo, collector] = renderDocker(plan({ ...none, trace: "tempo" })).services;
    expect(collector).toMatchObject({ answersAt: "http://127.0.0.1:4318/v1/traces" });
    expect(collector).not.toHaveProperty("healthcheck");
    expect(tempo?.healthcheck?.test).toContain("-health");
    expect(tempo).not.toHaveProperty("answersAt");
  });
});

describe("a role that moves to another product", () => {
  const moving = (role: string, product: string, step: string, more: Record<string, unknown> = {}) =>
    plan({ ...more, swaps: { [role]: { with: product, step } } });

  it("has the new product beside the old, which serves, and only the administrator's variables name it", () => {
    const both = moving("vector", "qdrant", "beside");
    expect(both.services.map(({ product, roles, pending }) => [product, roles.includes("vector"), pending])).toEqual([
      ["postgres", true, []],
      ["redis", false, []],
      ["minio", false, []],
      ["qdrant", false, ["vector"]],
    ]);
    const { env, adminEnv } = connections(both);
    expect(JSON.stringify(env)).not.toContain("6333");
    expect(adminEnv).toHaveProperty("QDRANT_FLEET_URL");
    expect(adminEnv).not.toHaveProperty("POSTGRES_FROZEN");
  });

  it("is frozen where it is while it is copied, and where it was while that is kept", () => {
    expect(connections(moving("vector", "qdrant", "copying")).adminEnv).toMatchObject({ POSTGRES_FROZEN: "vector" });
    const kept = moving("vector", "postgres", "kept", { vector: "qdrant" });
    expect(connections(kept).adminEnv).toMatchObject({ POSTGRES_FROZEN: "vector" });
    expect(moving("session", "redis", "kept", { session: "valkey" }).services.map(({ product }) => product)).toEqual([
      "postgres",
      "valkey",
      "minio",
    ]);
  });

  it.each([
    ["session", "valkey", "redis", /user app on .*-@write/],
    ["artifact", "seaweedfs", "minio", undefined],
    ["vector", "postgres", "qdrant", /read_only_api_key/],
  ] as const)("of %s: a server that freezes as a whole says so in its files", (role, to, from, said) => {
    const files = (step: string) => {
      const frozen = moving(role, to, step, { [role]: from });
      const service = renderDocker(frozen).services.find(({ product }) => product === from);
      return service?.files.map(({ content }) => fill(content, () => "*")).join("\n");
    };
    if (said) expect(files("copying")).toMatch(said);
    if (said) expect(files("beside")).not.toMatch(said);
    else expect(files("copying")).toBe(files("beside")); // by its policies, which prepare writes
  });

  it("has ports of its own beside a product whose place it takes, until that has left", () => {
    const swaps = { session: { with: "valkey", step: "beside", ports: { redis: 20_001 } } };
    const portsOf = (given: Record<string, unknown>) =>
      renderDocker(plan(given)).services.flatMap(({ product, place, ports }) =>
        ["redis", "valkey"].includes(product) ? [[product, place, ports[0]?.host]] : [],
      );
    expect(portsOf({ ports: { redis: 16_379 }, swaps })).toEqual([
      ["redis", "redis", 16_379],
      ["valkey", "valkey", 20_001],
    ]);
    const back = { session: { with: "redis", step: "beside", ports: { redis: 20_001 } } };
    expect(portsOf({ ports: { redis: 16_379 }, session: "valkey", swaps: back })).toEqual([
      ["valkey", "redis", 16_379],
      ["redis", "redis-beside", 20_001],
    ]);
    const copied = { session: { ...swaps.session, step: "copied" } };
    expect(portsOf({ ports: { redis: 16_379 }, swaps: copied })).toEqual([["redis", "redis", 16_379]]);
    expect(portsOf({ ports: { redis: 16_379 }, session: "valkey" })).toEqual([["valkey", "redis", 16_379]]);
  });

  it("leaves a server without accounts at a port that only the administrator is told", () => {
    const away = { with: "postgres", step: "copying", away: { api: 20_001 } };
    const { env, adminEnv } = connections(plan({ vector: "chroma", swaps: { vector: away } }));
    expect(JSON.stringify([env.VECTOR_URL, env.CHROMA_URL])).not.toContain("20001");
    expect(JSON.stringify(env.VECTOR_URL)).toContain("8000");
    expect(JSON.stringify([adminEnv.VECTOR_URL, adminEnv.CHROMA_FLEET_URL])).not.toContain("8000");
  });

  it("cannot be given to the other product by hand", () => {
    const swaps = { vector: { with: "qdrant", step: "copying" } };
    expect(() => plan({ vector: "qdrant", swaps })).toThrow("npm run swap vector -- --back");
    expect(() => plan({ vector: "none", swaps })).toThrow("no product fills it");
    expect(() => plan({ swaps: { vector: { with: "redis", step: "kept" } } })).toThrow('there is no product "redis"');
  });
});

describe("renderCompose", () => {
  const compose = (raw: Record<string, unknown> = {}) => {
    const settings = parse("local", raw);
    const place = { root: "/project", digests: {} };
    return renderCompose(makePlan(settings, place), alternatesOf(settings, place), ".env.admin");
  };
  const file = parseYaml(compose());

  it("says the same as the Docker renderer, container by container", () => {
    const [service] = renderDocker(plan()).services;
    expect(file.services.postgres).toMatchObject({
      container_name: service?.name,
      image: service?.image,
      command: service?.args,
      mem_limit: "1024m",
      memswap_limit: "1024m",
      ports: ["127.0.0.1:5432:5432"],
      cap_drop: ["ALL"],
    });
    expect(file.volumes.postgres.name).toBe(service?.mount.source);
  });

  it("has every product that runs in a container, under a profile", () => {
    const products = [...catalogue].filter(([, row]) => row.container).map(([product]) => product);
    expect(Object.keys(file.services).sort()).toEqual(products.sort());
    expect(file.services.postgres.profiles).toEqual(["core"]);
    expect(file.services.redis.profiles).toEqual(["core"]);
    expect(file.services.minio.profiles).toEqual(["artifacts"]);
    expect(file.services.valkey.profiles).toEqual(["session-alt"]);
    expect(file.services["otel-collector"]).toMatchObject({
      profiles: ["trace-alt"],
      container_name: "agent-stores-local-otel-collector",
    });
    expect(file.services["otel-collector"]).not.toHaveProperty("healthcheck");
    expect(file.services.jaeger).toMatchObject({
      profiles: ["trace-alt"],
      networks: { default: { aliases: ["traces"] } },
    });
    expect(parseYaml(compose({ session: "valkey" })).services.valkey.profiles).toEqual(["core"]);
  });

  it("puts an alternate on the port of the product whose place it takes", () => {
    const moved = parseYaml(compose({ ports: { redis: 6400, minio: { api: 9100 } } }));
    expect(moved.services.valkey.ports).toEqual(["127.0.0.1:6400:6379"]);
    expect(moved.services.seaweedfs.ports).toEqual(["127.0.0.1:9100:8333"]);
  });

  it("reads each secret from a variable that .env.admin has", () => {
    const { adminEnv } = connections(plan());
    const bound = Object.keys(plan().bindings).map((role) => plan().bindings[role as "vector"]);
    const own = Object.entries(file.services as Record<string, { secrets: { source: string }[] }>).filter(([name]) =>
      bound.includes(name),
    );
    const variables = own.flatMap(([, { secrets }]) => secrets.map(({ source }) => file.secrets[source].environment));
    expect(variables).toHaveLength(2);
    for (const variable of variables) expect(adminEnv).toHaveProperty(variable);
    const interpolated = [...file.configs["redis-users.acl"].content.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    expect(interpolated).toHaveLength(3);
    for (const variable of interpolated) expect(adminEnv).toHaveProperty(variable);
  });
});
