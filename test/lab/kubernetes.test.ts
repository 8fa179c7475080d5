import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it, vi } from "vitest";
import { catalogue, filledRoles, row } from "../../components/catalogue/index.ts";
import { useClone } from "./clone.ts";
import { bringImages } from "./cluster/images.ts";
import { clusterDown, restartKubelet } from "./cluster/index.ts";
import { CONTEXT } from "./cluster/place.ts";
import { useCluster } from "./cluster/use.ts";
import { proveContracts } from "./contracts.ts";
import { credentialsOf } from "./credentials.ts";
import { only, withImages } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";
import { CLUSTER_STACK, readmeCommands } from "./readme-commands.ts";

// The same settings on a real API server and a real kubelet, whose namespace takes no pod that is not `restricted`.

const lab = inject("lab");
/** Of the default stack, in the order of the roles they fill. */
const PRODUCTS = ["postgres", "redis", "minio"];
const NAMESPACE = "agent-stores-k8s";
const STACK = CLUSTER_STACK;

const cluster = useCluster(PRODUCTS.map((product) => lab.images[product] ?? ""));
const clone = useClone([]);
const { env, kubectl, options } = cluster;
const succeeds = (command: string) => clone.succeeds(command, env);
const npm = (command: string, words = "") => succeeds(`npm run ${command} -- ${STACK} ${words}`);
const get = (what: string, path: string) => kubectl("get", what, "-n", NAMESPACE, "-o", `jsonpath=${path}`);

/** A line with a tenant's stores, in a process of its own. */
const inStores = (line: string) =>
  succeeds(`node --input-type=module-typescript -e 'import { openStores } from "./adapters/index.ts";
import { readFileSync } from "node:fs"; import { parseEnv } from "node:util";
await using stores = openStores(parseEnv(readFileSync(".env.k8s", "utf8"))); const { session, memory } = stores.tenant("lab-keep"); ${line}'`);
const keep = () => inStores('await session.set("kept", "here"); await memory.put({ key: "kept", value: "here" });');
const kept = () => inStores('console.log((await session.get("kept")) ?? "gone", (await memory.get("kept"))?.value);');

describe("the default stack on a node", () => {
  it("comes up from nothing and passes the short smoke, by the README's commands", async () => {
    // As a command leaves it that was killed before it had made anything.
    const dead = JSON.stringify({ pid: 1, command: "up", since: "", started: "never" });
    await succeeds(`mkdir -p .state && echo '${dead}' > .state/k8s.lock`);
    const [up = "", ...others] = readmeCommands.filter((command) => command.includes(CLUSTER_STACK));
    const said = await succeeds(`${up.replace("<name>", CONTEXT)} --port auto ${withImages(lab)}`);
    for (const command of others) await succeeds(command);
    expect(said).toContain("smoke");
    for (const product of PRODUCTS) expect(await get(`pod/${product}-0`, "{.status.phase}")).toBe("Running");
    expect(await kubectl("get", "namespace", NAMESPACE, "-o", "jsonpath={.metadata.labels}")).toContain(
      '"pod-security.kubernetes.io/enforce":"restricted"',
    );
  });

  it("up again changes nothing", async () => {
    const before = await get("pod/postgres-0", "{.metadata.uid}");
    expect(await npm("up")).toContain("no change");
    expect(await get("pod/postgres-0", "{.metadata.uid}")).toBe(before);
  });

  it("gives each server the plan's limits, as the kernel has them, and a root that it cannot write", async () => {
    for (const product of PRODUCTS) {
      const limit = await get(`pod/${product}-0`, "{.spec.containers[0].resources.limits.memory}");
      const inside = (script: string) => kubectl("exec", "-n", NAMESPACE, `${product}-0`, "--", "sh", "-c", script);
      const seen = await inside(
        "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
      );
      expect(Number(seen), product).toBe(mebibytes(limit) * 1024 ** 2);
      expect(await inside("touch /written 2>&1 || true"), product).toContain("Read-only");
      expect(await inside("id -u"), product).not.toBe("0");
    }
  });

  it("shows no password in what anyone may list", async () => {
    const all = await kubectl("get", "statefulset,pod,service,configmap,networkpolicy", "-n", NAMESPACE, "-o", "json");
    const secrets = JSON.parse(await kubectl("get", "secret", "-n", NAMESPACE, "-o", "json")).items;
    expect(secrets.length).toBeGreaterThan(0);
    for (const { data } of secrets)
      for (const value of Object.values(data as Record<string, string>))
        expect(all).not.toContain(Buffer.from(value, "base64").toString("utf8").trim());
    const postgres = new URL(
      /^DATABASE_URL=(.*)$/m.exec(readFileSync(join(clone.folder, ".env.k8s"), "utf8"))?.[1] ?? "",
    );
    expect(postgres.password.length).toBeGreaterThan(20);
    expect(all).not.toContain(postgres.password);
  });

  it("passes the whole smoke, restarts included, and status, doctor, logs and shell tell of it", async () => {
    await npm("smoke");
    for (const product of PRODUCTS)
      prove(product, {
        check: "smoke",
        target: "kubernetes",
        passed: true,
        ...groundFor(lab, product),
        detail: "the default stack",
      });
    await npm("status");
    await npm("doctor");
    expect(await npm("logs", "--tail 5 redis")).toContain("redis");
    expect(await npm("shell", "redis ping")).toContain("PONG");
    expect(await npm("shell", "postgres -tAc 'select current_user'")).toContain("agent_core");
  });

  it("has its data after a pod was killed, and after the node's kubelet was started anew", async () => {
    await keep();
    await kubectl("delete", "pod", "redis-0", "postgres-0", "-n", NAMESPACE, "--grace-period=0", "--force");
    await ready();
    expect(await kept()).toContain("here here");
    await restartKubelet();
    // It is said to be ready from before, and listens a moment later.
    await vi.waitFor(async () => expect(await kept()).toContain("here here"), { timeout: 30_000, interval: 500 });
  });

  it("down keeps data and credentials, and up brings them back", async () => {
    const before = readFileSync(join(clone.folder, ".env.k8s"), "utf8");
    await npm("down");
    expect(await kubectl("get", "pod,service,secret", "-n", NAMESPACE, "-o", "name")).toBe("");
    await npm("up");
    expect(readFileSync(join(clone.folder, ".env.k8s"), "utf8")).toBe(before);
    expect(await kept()).toContain("here here");
  });

  it("is written down for kubectl, and the API server takes it as it stands", async () => {
    await npm("export", "kubernetes --out written --with-secrets");
    const base = await succeeds("cat written/base/*.yaml");
    for (const password of await credentialsOf(clone, "k8s")) expect(base).not.toContain(password);
    const taken = await kubectl("apply", "--dry-run=server", "-k", join(clone.folder, "written", "secrets"));
    for (const product of PRODUCTS) expect(taken).toMatch(new RegExp(`statefulset.apps/${product} .*dry run`));
    expect(taken).toContain("networkpolicy.networking.k8s.io/agent-stores-deny");
  });

  it("holds the contracts as it does in Docker", async () => {
    const roles = filledRoles.filter((role) => role !== "trace");
    await proveContracts(clone, lab, { variables: ".env.k8s.admin", products: PRODUCTS, target: "kubernetes", roles });
  }, 1_200_000);

  it("takes what was in the namespace along with it", async () => {
    await npm("reset", "--yes");
    expect(await kubectl("get", "namespace", "-o", "name")).not.toContain(NAMESPACE);
  });
});

/** Every other product that the lab can make, but those whose servers find each other by the cluster's names, which the lab has none of. */
const ALTERNATES = [...catalogue].flatMap(([product, { roles, companions }]) =>
  roles.length > 0 && !companions && lab.images[product] && !PRODUCTS.includes(product) ? [product] : [],
);

describe("an alternate on a node", () => {
  it.each(ALTERNATES)("%s passes its smoke, restarts included", async (product) => {
    const image = lab.images[product] ?? "";
    await bringImages([image]);
    const chosen = `--set ${row(product).roles[0]}=${product} --set images.${product}=${image}`;
    await succeeds(`npm run up -- --stack alternate ${options} --port auto ${only()} ${chosen}`);
    await succeeds("npm run smoke -- --stack alternate");
    prove(product, { check: "smoke", target: "kubernetes", passed: true, ...groundFor(lab, product), detail: "alone" });
    await succeeds("npm run reset -- --yes --stack alternate");
  });
});

/** A refusal: what it said, and that it came within a minute. */
async function refused(words: string, variables: Record<string, string> = env): Promise<string> {
  const ran = await clone.run(
    `npm run up -- --stack bad ${options} --port auto ${only("redis")} --set images.redis=${lab.images.redis} ${words}`,
    { env: variables },
  );
  expect(ran.code, ran.stdout).not.toBe(0);
  expect(ran.seconds).toBeLessThan(60);
  expect(ran.stdout + ran.stderr).not.toMatch(/\n\s+at /);
  return ran.stdout + ran.stderr;
}

describe("what is wrong is told in a minute", () => {
  it("a context that the kubeconfig does not have, and none at all", async () => {
    expect(await refused("--set kubeContext=elsewhere")).toMatch(/no context "elsewhere"\n.*It has: agent-stores-lab/);
    expect(await refused("--set kubeContext=")).toContain("acts on no cluster that the settings do not name");
  });

  it("an API server that does not answer", async () => {
    const config = join(clone.folder, "dead.kubeconfig");
    writeFileSync(
      config,
      readFileSync(env.KUBECONFIG, "utf8").replace(/server: "[^"]*"/, 'server: "https://127.0.0.1:9"'),
    );
    expect(await refused("", { KUBECONFIG: config })).toContain("does not answer");
  });

  it("a storage class that is not there", async () => {
    expect(await refused("--set storageClass=fast")).toMatch(/no storage class fast\n.*It has: lab/);
  });

  it("an image that the node cannot get", async () => {
    expect(await refused("--set images.redis=registry.invalid/redis:none")).toContain("cannot get the image of redis");
  });

  it("a quota that is too small, and a namespace that is another's", async () => {
    await kubectl("create", "namespace", "taken");
    expect(await refused("--set namespace=taken")).toContain("is there already, and not this stack's");
    await kubectl("create", "quota", "small", "-n", "agent-stores-bad", "--hard=limits.memory=100Mi");
    expect(await refused("")).toContain("the quota small of namespace agent-stores-bad allows 100Mi");
    await clone.run("npm run reset -- --yes --stack bad", { env });
    await kubectl("delete", "namespace", "taken");
  });
});

describe("the lab's cluster", () => {
  it("goes without a trace: no process, no mount, no control group, no rule, no link", async () => {
    await clusterDown();
    const left =
      "/proc/mounts; ls -d /sys/fs/cgroup/*/kubepods /run/netns/* 2>/dev/null; iptables-save; ip -brief link";
    const seen = [await succeeds(`cat ${left}`), await succeeds("ps -eo args")].join("\n").split("\n");
    const traces = /KUBE-|kubepods|aslab0|agent-stores\/cluster|netns\/cni-/;
    expect(seen.filter((line) => traces.test(line) && !line.includes(left))).toEqual([]);
  });
});

/** Waits until every pod of the stack is ready. */
async function ready(): Promise<void> {
  const pods = () => get("pod", "{range .items[*]}{.status.conditions[?(@.type=='Ready')].status}{' '}{end}");
  await vi.waitUntil(async () => (await pods()) === PRODUCTS.map(() => "True").join(" "), {
    timeout: 60_000,
    interval: 200,
  });
}

/** `512Mi` or `1Gi`, in MiB. */
const mebibytes = (text: string) => Number.parseInt(text, 10) * (text.endsWith("Gi") ? 1024 : 1);
