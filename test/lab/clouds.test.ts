import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ACCOUNTS } from "../../components/product.ts";
import { useClone } from "./clone.ts";
import { proveContracts } from "./contracts.ts";
import { labelled } from "./docker.ts";
import { must, run } from "./exec.ts";
import { only } from "./flags.ts";
import { type Check, prove } from "./proof.ts";

// Services of clouds, bound by their URLs, on what stands in for them. None is killed under writes: the stand-ins keep what they acknowledge in memory, and what the services keep is their vendors' promise.

const lab = inject("lab");

interface Cloud {
  product: string;
  image: string;
  standIn: string;
  port: { container: number; host: number };
  /** Variables of the container, and the URL. */
  serve(host: number): { env: string[]; url: string; canary: string };
  /** MiB that are streamed; a stand-in that hashes all that it has at every piece gets fewer. */
  stream: number;
}

const CLOUDS: Cloud[] = [
  {
    product: "azure-blob",
    image: "azurite",
    standIn: "Azurite, the vendor's emulator",
    port: { container: 10_000, host: 18_440 },
    serve(host) {
      const key = randomBytes(64).toString("base64");
      const account = `labaccount:${encodeURIComponent(key)}`;
      const url = `azblob://${account}@127.0.0.1:${host}/agent-artifacts?tls=false&style=path`;
      return { env: [`AZURITE_ACCOUNTS=labaccount:${key}`], url, canary: key };
    },
    stream: 1024,
  },
  {
    product: "gcs",
    image: "fake-gcs-server",
    standIn: "fake-gcs-server, which checks no credentials; signatures of URLs are verified in front of it",
    port: { container: 4443, host: 18_441 },
    serve(host) {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
      });
      const account = `lab%40agent-stores.iam.gserviceaccount.com:${encodeURIComponent(privateKey)}`;
      const url = `gs://${account}@agent-artifacts?endpoint=http://127.0.0.1:${host}&project=lab`;
      return { env: [`SIGNER_PUBLIC_KEY=${publicKey}`], url, canary: privateKey.split("\n")[2] ?? "" };
    },
    stream: 256,
  },
];

// Where images are pulled there is none of a service, and what stands in for one proves nothing official.
describe.each(CLOUDS.filter(({ image }) => lab.images[image]))("$product", (cloud) => {
  const { product, image, standIn, port, stream } = cloud;
  const clone = useClone([product]);
  const container = `agent-stores-lab-${product}-${process.pid}`;
  const { env, url, canary } = cloud.serve(port.host);
  const ground = { target: "docker", on: "stand-in", standIn } as const;
  const proven = (check: string, passed: boolean, detail: string): Check => ({ check, passed, ...ground, detail });
  const type = (words: string, input?: string) => clone.run(`npm run -s ${words} --stack ${product}`, { input });
  const succeeds = async (words: string, input?: string): Promise<string> => {
    const { code, stdout, stderr, seconds } = await type(words, input);
    expect(code, `${words}\n${stdout}\n${stderr}`).toBe(0);
    console.log(`  ${product}: ${words.slice(0, 70).padEnd(70)} ${seconds.toFixed(1)} s`);
    return stdout;
  };

  beforeAll(async () => {
    const published = `127.0.0.1:${port.host}:${port.container}`;
    const variables = env.flatMap((one) => ["-e", one]);
    await must("docker", ["run", "-d", "--name", container, "-p", published, ...variables, lab.images[image] ?? ""]);
    const ready = `until curl -s -o /dev/null http://127.0.0.1:${port.host}/; do sleep 0.2; done`;
    expect((await run("sh", ["-c", ready], { timeout: 60_000 })).code).toBe(0);
  });
  afterAll(() => run("docker", ["rm", "-f", "-v", container]));

  it("is bound by its URL, prepared, and passes the smoke", async () => {
    await succeeds(`init -- ${only()} --set artifact=url`);
    for (const account of ["artifactUrl", "artifactAdminUrl"]) await succeeds(`init -- --secret ${account}`, url);
    await succeeds("up --");
    expect(await labelled("container", product)).toEqual([]);
    console.log(await succeeds("smoke --"));
    prove(product, proven("smoke", true, `Docker engine ${lab.engineVersion}`));
  });

  it("is known to the other commands, which show no secret", async () => {
    const { protocol } = new URL(url);
    expect(await succeeds("status --")).toMatch(new RegExp(`^ *url +elsewhere +yes +${protocol}.* +artifact$`, "m"));
    for (const command of ["doctor --", "migrate --"]) await succeeds(command);
    expect(await succeeds("up --")).toContain("no change");
    const settings = readFileSync(join(clone.folder, "stacks", `Pulumi.${product}.yaml`), "utf8");
    const shown = settings + (await succeeds("env --")) + (await succeeds("export compose --"));
    for (const secret of [canary, encodeURIComponent(canary)]) expect(shown).not.toContain(secret);
  });

  it(`moves ${stream} MiB up and down at constant memory`, async () => {
    const words = ["node", "test/lab/artifact-stream.ts", "STREAMED_URL", String(stream)].join(" ");
    const { code, stdout, stderr } = await clone.run(words, { env: { STREAMED_URL: url } });
    expect(code, stderr).toBe(0);
    const { begun, up, down } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
    const way = (name: string, { seconds, peak }: typeof up) =>
      `${name} ${Math.round(stream / seconds)} MiB/s, ${peak} MiB of memory`;
    const detail = `${way("up", up)}; ${way("down", down)} (${begun} before the first byte)`;
    console.log(`  ${product}: ${stream} MiB: ${detail}`);
    prove(product, proven(`${stream} MiB`, Math.max(up.peak, down.peak) < 250, detail));
    expect(Math.max(up.peak, down.peak)).toBeLessThan(250);
  });

  it("holds to the contract", async () => {
    const prefix = product.toUpperCase().replace("-", "_");
    const variables = `.env.${product}.contract`;
    const lines = ACCOUNTS.map((account) => `${prefix}_${account.toUpperCase()}_URL=${url}\n`);
    writeFileSync(join(clone.folder, variables), lines.join(""));
    await proveContracts(clone, lab, { variables, products: [product], roles: ["artifact"], ground });
  });

  it("leaves the bucket as it is when the stack goes", async () => {
    for (const command of ["down --", "reset -- --yes"]) await succeeds(command);
    const { stdout } = await must("docker", ["inspect", "--format", "{{.State.Running}}", container]);
    expect(stdout.trim()).toBe("true");
  });
});
