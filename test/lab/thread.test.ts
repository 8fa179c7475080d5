import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it, vi } from "vitest";
import { useClone } from "./clone.ts";
import { credentialsOf } from "./credentials.ts";
import { inspect, labelled, waitForHealth } from "./docker.ts";
import { withImages } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";

// The whole way, as a user goes it: a fresh clone, the README's commands, a real engine, a real `pulumi up`.

const lab = inject("lab");
const CONTAINER = "agent-stores-local-postgres";
/** Of the default stack, in the order of the roles they fill. */
const PRODUCTS = ["postgres", "redis", "minio"];
const clone = useClone();

const { succeeds } = clone;

/** One line with a tenant's stores, in a process of its own. */
const inStores = (line: string, tenant: string) =>
  succeeds(`node --input-type=module-typescript -e 'import { openStores } from "./adapters/index.ts";
await using stores = openStores(); const { vector: store, session } = stores.tenant("${tenant}"); ${line}'`);
/** The same, with a vector at hand. */
const keep = (line: string) =>
  inStores(
    `const { hashEmbedder } = await import("./adapters/embedder.ts"); const embedder = hashEmbedder();
const [vector] = await embedder.embed(["kept"]); ${line}`,
    "lab-keep",
  );

describe("init and a plain pulumi up", () => {
  it("makes settings, passphrase and credentials", async () => {
    const said = await succeeds(`npm run init -- ${withImages(lab)}`);
    expect(said).toContain("made postgres.admin");
    expect(existsSync(join(clone.folder, ".state", "passphrase"))).toBe(true);
  });

  it("runs, with the variables that init named", async () => {
    const said = await succeeds("npm run init");
    const exports = said.split("\n").filter((line) => line.trim().startsWith("export "));
    await succeeds(`${exports.join("; ")}; pulumi up --stack local --yes --skip-preview`);
  });

  it("gives a container with limits, a healthcheck, a loopback port and no password to be seen", async () => {
    const { HostConfig, Config, State, text } = await inspect(CONTAINER);
    expect(State.Health?.Status).toBe("healthy");
    expect(HostConfig).toMatchObject({
      Memory: 1024 ** 3,
      MemorySwap: 1024 ** 3,
      NanoCpus: 2e9,
      CapDrop: ["ALL"],
      ShmSize: 256 * 1024 ** 2,
    });
    expect(HostConfig.SecurityOpt).toContain("no-new-privileges:true");
    expect(HostConfig.RestartPolicy.Name).toBe("unless-stopped");
    expect(HostConfig.LogConfig.Config).toEqual({ "max-size": "10m", "max-file": "3" });
    expect(HostConfig.PortBindings).toEqual({ "5432/tcp": [{ HostIp: "127.0.0.1", HostPort: "5432" }] });
    expect(Config).toMatchObject({ User: "999:999", StopSignal: "SIGINT", StopTimeout: 90 });
    for (const password of await credentialsOf(clone)) expect(text).not.toContain(password);
  });

  it("a second pulumi up changes nothing", async () => {
    const ran = await clone.run("pulumi up --stack local --yes --skip-preview", {
      env: { PULUMI_CONFIG_PASSPHRASE_FILE: join(clone.folder, ".state", "passphrase") },
    });
    expect(ran.stdout).toMatch(/\d+ unchanged/);
    expect(ran.stdout).not.toMatch(/created|updated|replaced|deleted/);
  });

  it("is prepared and proven by hand", async () => {
    await succeeds("npm run env");
    await succeeds("npm run migrate");
    await succeeds("npm run migrate -- --check");
    await succeeds("npm run smoke");
    prove("postgres", {
      check: "smoke",
      target: "docker",
      passed: true,
      ...groundFor(lab, "postgres"),
      detail: await version(),
    });
  });
});

describe("day by day", () => {
  it("up again changes nothing", async () => {
    const before = await inspect(CONTAINER);
    expect(await succeeds("npm run up")).toContain("no change");
    expect((await inspect(CONTAINER)).Id).toBe(before.Id);
  });

  it("status, doctor and env find nothing wrong", async () => {
    await succeeds("npm run status");
    await succeeds("npm run doctor");
    expect(await succeeds("npm run env")).toContain("agent_core:****@");
    const rows = (await succeeds("npm run -s status -- --json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ product, answers }) => [product, answers])).toEqual(PRODUCTS.map((product) => [product, "yes"]));
  });

  it("down removes containers and keeps data, and up brings it back with the same password", async () => {
    await keep(
      'await store.upsert([{ id: "k", document: "d", text: "kept", position: 0, vector, space: embedder.space }])',
    );
    const env = readFileSync(join(clone.folder, ".env"), "utf8");
    await succeeds("npm run down");
    expect(await labelled("container", "local")).toEqual([]);
    expect((await labelled("volume", "local")).sort()).toEqual(
      PRODUCTS.map((product) => `agent-stores-local-${product}`).sort(),
    );
    await succeeds("npm run up");
    expect(readFileSync(join(clone.folder, ".env"), "utf8")).toBe(env);
    expect(await keep("console.log(await store.count())")).toContain("1");
  });

  it("a killed server comes back by itself and passes the smoke", async () => {
    const { Pid } = (await inspect(CONTAINER)).State;
    process.kill(Pid, "SIGKILL");
    await vi.waitUntil(async () => ![0, Pid].includes((await inspect(CONTAINER)).State.Pid), { timeout: 60_000 });
    await waitForHealth(CONTAINER, "healthy", 60);
    await succeeds("npm run smoke");
  });

  it("a stopped server is noticed within 30 s", async () => {
    await waitForHealth(CONTAINER, "healthy", 30); // the smoke has restarted it
    const { Pid } = (await inspect(CONTAINER)).State;
    process.kill(Pid, "SIGSTOP");
    try {
      const seconds = await waitForHealth(CONTAINER, "unhealthy", 30);
      console.log(`  unhealthy ${seconds.toFixed(1)} s after SIGSTOP`);
    } finally {
      process.kill(Pid, "SIGCONT");
    }
    await waitForHealth(CONTAINER, "healthy", 30);
  });

  it("data of other passwords is reconciled through the container's own socket", async () => {
    await succeeds("npm run down");
    const settings = join(clone.folder, "stacks", "Pulumi.local.yaml");
    await succeeds(`sed -i '/credentials:/,$d' ${settings} && rm -rf .state`);
    await succeeds(`npm run up -- ${withImages(lab)}`);
    expect(await keep("console.log(await store.count())")).toContain("1");
  });
});

describe("the compose file", () => {
  it("brings the same data up under the same .env, by the line that export prints", async () => {
    const next = /Next: (.*)/.exec(await succeeds("npm run export compose"))?.[1] ?? "";
    await succeeds(next);
    const { text } = await inspect(CONTAINER);
    for (const password of await credentialsOf(clone)) expect(text).not.toContain(password);
    await succeeds("npm run smoke");
    expect(await keep("console.log(await store.count())")).toContain("1");
  });

  it("starts an alternate in a product's place, under the same .env", async () => {
    const compose = "docker compose --env-file .env.admin -f docker-compose.backend-stores.yml";
    await succeeds(`${compose} stop redis && ${compose} up --wait valkey`);
    const said = await inStores(
      'await session.set("who", "valkey"); console.log(await session.get("who"))',
      "lab-keep",
    );
    expect(said).toContain("valkey");
    await succeeds(`${compose} rm -sf valkey`);
  });

  it("is taken over by up, without a compose down", async () => {
    expect(await succeeds("npm run up")).toContain("✔ smoke");
    expect(await keep("console.log(await store.count())")).toContain("1");
  });
});

describe("from nothing", () => {
  it("reset leaves nothing behind", async () => {
    await succeeds("npm run reset -- --yes");
    for (const kind of ["container", "volume", "network"] as const) expect(await labelled(kind, "local")).toEqual([]);
    expect(existsSync(join(clone.folder, ".env"))).toBe(false);
    expect(existsSync(join(clone.folder, "stacks", "Pulumi.local.yaml"))).toBe(false);
  });
});

/** What the proof was seen on. */
async function version(): Promise<string> {
  const said = await succeeds(`docker exec ${CONTAINER} postgres --version`);
  return `PostgreSQL ${/ (\d+\.\d+)/.exec(said)?.[1]}, Docker engine ${lab.engineVersion}`;
}
