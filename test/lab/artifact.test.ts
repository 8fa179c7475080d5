import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { beforeAll, expect, inject, it } from "vitest";
import { openStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { artifactBench } from "../../scripts/bench/artifact.ts";
import { killClient, killServer, type Urls } from "./artifact-kills.ts";
import { useClone } from "./clone.ts";
import { only } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { type Check, prove } from "./proof.ts";

// What only a real server shows of the artifact role: its accounts, kills of either side, and what a long artifact costs.

const lab = inject("lab");
const KILLS = 20;
const MiB = 1 << 20;
const CONTAINER = "agent-stores-artifact-minio";
const clone = useClone(["artifact"]);
let urls: Urls;
let admin: Record<string, string | undefined> = {};

beforeAll(async () => {
  const up = await clone.run(
    `npm run up -- --stack artifact --port postgres=16432 --port minio.api=19000 --port minio.console=19001 ${only("postgres", "minio")} --set images.postgres=${lab.images.postgres} --set images.minio=${lab.images.minio}`,
  );
  expect(up.code, up.stdout + up.stderr).toBe(0);
  const variables = (file: string) => {
    const read = parseEnv(readFileSync(join(clone.folder, file), "utf8"));
    return { ...read, ARTIFACT_URL: read.ARTIFACT_URL ?? "", ARTIFACT_INDEX_URL: read.ARTIFACT_INDEX_URL ?? "" };
  };
  admin = variables(".env.artifact.admin");
  const store = ({ ARTIFACT_URL, ARTIFACT_INDEX_URL }: Urls["app"]) => ({ ARTIFACT_URL, ARTIFACT_INDEX_URL });
  urls = { app: store(variables(".env.artifact")), fleet: store(variables(".env.artifact.admin")) };
});
const proven = (check: string, passed: boolean, detail: string): Check => ({
  check,
  target: "docker",
  passed,
  ...groundFor(lab, "minio"),
  detail,
});

it("passes the smoke, restart included", async () => {
  const smoke = await clone.run("npm run smoke -- --stack artifact");
  expect(smoke.code, smoke.stdout + smoke.stderr).toBe(0);
  console.log(smoke.stdout);
});

it("gives the account the secret key of its URL, and tells what is wrong with another", async () => {
  const changed = (urls: Record<string, string | undefined>) => {
    const secret = new URL(urls.MINIO_APP_URL ?? "").password;
    const entries = Object.entries(urls).map(([name, url]) => [name, url?.replace(secret, "ChangedCanary5")]);
    return Object.fromEntries(entries) as Record<string, string | undefined>;
  };
  await prepare(changed(admin));
  await using stores = openStores({ ARTIFACT_URL: urls.app.ARTIFACT_URL });
  const read = stores.tenant("acme").artifact.stat("x");
  await expect(read).rejects.toMatchObject({ code: "denied", mend: expect.stringContaining("npm run up") });
  await prepare(admin);
  expect(await stores.tenant("acme").artifact.stat("x")).toBeUndefined();
  const looks = await prepare(admin);
  expect(looks.find(({ product }) => product === "minio")).toMatchObject({ roles: ["agent-app"], migrations: 0 });
  const missing = urls.app.ARTIFACT_URL.replace("/agent-artifacts", "/agent-nothing");
  await using elsewhere = openStores({ ARTIFACT_URL: missing });
  await expect(elsewhere.tenant("acme").artifact.stat("x")).rejects.toMatchObject({ code: "denied" });
});

it(`loses no acknowledged write in ${KILLS} SIGKILLs of the server, and its client recovers`, async () => {
  const outcome = await killServer(urls, CONTAINER, KILLS);
  const { kills, acknowledged, wrong, longest } = outcome;
  const detail = `${kills} SIGKILLs under load, ${acknowledged} acknowledged writes, ${wrong.length} lost, longest wait ${longest.toFixed(1)} s`;
  console.log(`  ${detail}, ${outcome.refused} calls refused meanwhile, repaired ${JSON.stringify(outcome.repaired)}`);
  prove("minio", proven(`${KILLS} SIGKILLs`, wrong.length === 0, detail));
  expect(wrong).toEqual([]);
  expect(kills).toBe(KILLS);
  expect(acknowledged).toBeGreaterThan(3 * KILLS);
  expect(longest).toBeLessThan(60);
});

it("has store and index agree after its client was killed at any moment", async () => {
  const kills = 2 * KILLS;
  const { acknowledged, wrong, repaired } = await killClient(urls, kills);
  const detail = `${kills} SIGKILLs of the client, ${acknowledged} acknowledged writes, ${wrong.length} lost or said differently; repair: ${repaired.adopted} hashed, ${repaired.indexed} indexed, ${repaired.removed} removed`;
  console.log(`  ${detail}`);
  prove("minio", proven("SIGKILLs of the client", wrong.length === 0, detail));
  expect(wrong).toEqual([]);
  expect(acknowledged).toBeGreaterThan(kills);
  // Or the kills hit nothing.
  expect(repaired.adopted + repaired.indexed + repaired.removed).toBeGreaterThan(0);
});

it("moves 1 GiB up and down at constant memory", async () => {
  const figures = await artifactBench(urls.app.ARTIFACT_URL, urls.fleet.ARTIFACT_URL, 1024 * MiB, 3, () => {});
  const said = figures.map(({ way, ours, ratio, memory, begun }) => {
    const size = (bytes: number) => Math.round(bytes / MiB);
    return `${way} ${size(ours)} MiB/s, ${ratio.toFixed(2)} of the bare client's speed, ${size(memory.ours)} MiB of memory (${size(begun.ours)} before the first byte; the bare client ${size(memory.baseline)} and ${size(begun.baseline)})`;
  });
  const detail = said.join("; ");
  console.log(`  1 GiB: ${detail}`);
  const [up, down] = figures.map(({ memory }) => ({ ours: memory.ours / MiB, baseline: memory.baseline / MiB }));
  if (!up || !down) throw new Error("nothing was measured");
  // What is read waits for the collector, of ours as of the bare client: over 150 MiB in both, and never the artifact's size.
  const holds = up.ours <= 150 && down.ours <= 1.25 * down.baseline && down.ours < 300;
  prove("minio", proven("1 GiB", holds, detail));
  expect(up.ours).toBeLessThanOrEqual(150);
  expect(down.ours).toBeLessThanOrEqual(1.25 * down.baseline);
  expect(down.ours).toBeLessThan(300);
});
