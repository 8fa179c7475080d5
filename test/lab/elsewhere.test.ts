import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Checkout, makeCheckout } from "./checkout.ts";
import { labelled } from "./docker.ts";
import { must, run } from "./exec.ts";

// Roles bound to the URLs of servers that run elsewhere: here of two that the test starts by itself, as somebody else would have done.

const lab = inject("lab");
const STACK = "elsewhere";
const PORTS = { postgres: 18_437, minio: 18_438 };
const names = Object.keys(PORTS).map((product) => `agent-stores-lab-${STACK}-${product}-${process.pid}`);
const database = (account: string) => `postgres://${account}@127.0.0.1:${PORTS.postgres}/agents`;
const bucket = (account: string, query = "") =>
  `s3://${account}@127.0.0.1:${PORTS.minio}/kept-elsewhere?tls=false&nested=false${query}`;
const URLS = {
  vectorUrl: database("core:CoreCanary1"),
  vectorFleetUrl: database("fleet:FleetCanary2"),
  vectorOwnerUrl: database("owner:OwnerCanary3"),
  vectorAdminUrl: database("postgres:AdminCanary4"),
  artifactUrl: bucket("app:ArtifactCanary5"),
  artifactAdminUrl: bucket("root-user:RootCanary6", "&accounts=minio"),
};
let clone: Checkout;

beforeAll(async () => {
  clone = await makeCheckout(lab);
  const serve = (product: keyof typeof PORTS, port: number, env: string[], words: string[] = []) =>
    must("docker", [
      ...["run", "-d", "--name", names[Object.keys(PORTS).indexOf(product)] ?? ""],
      ...["-p", `127.0.0.1:${PORTS[product]}:${port}`, ...env.flatMap((one) => ["-e", one])],
      ...[lab.images[product] ?? "", ...words],
    ]);
  await serve("postgres", 5432, ["POSTGRES_PASSWORD=AdminCanary4"]);
  await serve("minio", 9000, ["MINIO_ROOT_USER=root-user", "MINIO_ROOT_PASSWORD=RootCanary6"], ["server", "/data"]);
  const ready = `until docker exec ${names[0]} pg_isready -h 127.0.0.1 -U postgres && curl -fsS http://127.0.0.1:${PORTS.minio}/minio/health/ready; do sleep 0.2; done`;
  expect((await run("sh", ["-c", ready], { timeout: 60_000 })).code).toBe(0);
});
afterAll(async () => {
  await clone?.run(`npm run reset -- --yes --stack ${STACK}`);
  await run("docker", ["rm", "-f", "-v", ...names]);
  await clone?.remove();
});

const type = (words: string, input?: string) => clone.run(`npm run -s ${words} --stack ${STACK}`, { input });
async function succeeds(words: string, input?: string): Promise<string> {
  const { code, stdout, stderr, seconds } = await type(words, input);
  expect(code, `${words}\n${stdout}\n${stderr}`).toBe(0);
  console.log(`  ${words.slice(0, 70).padEnd(70)} ${seconds.toFixed(1)} s`);
  return stdout;
}

const ROLES = "--set vector=url --set artifact=url --set memory=url --set session=none --set run=none";

it("asks for the URLs that are not there, and refuses one of another protocol, before anything is made", async () => {
  const lacking = await type(`up -- ${ROLES} --set event=none --set search=none`);
  expect(lacking.code).toBe(1);
  expect(lacking.stderr).toContain(`npm run init -- --stack ${STACK} --secret artifactUrl < file`);
  const wrong = await type("init -- --secret artifactUrl", "redis://:Canary@127.0.0.1:6379");
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("does not serve this role")]);
  expect(wrong.stdout + wrong.stderr).not.toMatch(/Canary|\n +at /);
  expect(await labelled("container", STACK)).toEqual([]);
});

it("comes up without a container, prepares what its administrator's URL is known of, and passes the smoke", async () => {
  await succeeds(`init -- ${ROLES} --set event=none --set search=none`);
  for (const [key, value] of Object.entries(URLS)) await succeeds(`init -- --secret ${key}`, value);
  for (const [key, value] of Object.entries(URLS))
    if (key.startsWith("vector")) await succeeds(`init -- --secret ${key.replace("vector", "memory")}`, value);
  const said = await succeeds("up --");
  expect(said).toContain(`postgres://127.0.0.1:${PORTS.postgres}/agents   vector memory`);
  expect(said.match(/12 migrations|migrations \(/g), "a database that fills two roles is prepared once").toHaveLength(
    1,
  );
  expect(await labelled("container", STACK)).toEqual([]);
  await succeeds("smoke --");
  expect(await succeeds("status --")).toMatch(/^ *url +elsewhere +yes +s3:.* +artifact$/m);
  await succeeds("doctor --");
  expect(await succeeds("up --")).toContain("no change");
});

it("shows no URL's secret, and leaves the servers as they are when it goes", async () => {
  const settings = readFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), "utf8");
  expect(settings + (await succeeds("env --")) + (await succeeds("export compose --"))).not.toContain("Canary");
  await succeeds("down --");
  await succeeds("reset -- --yes");
  const query = "select count(*) from pg_database where datname = 'agents'";
  const { stdout } = await must("docker", ["exec", names[0] ?? "", "psql", "-U", "postgres", "-Atc", query]);
  expect(stdout.trim()).toBe("1");
});
