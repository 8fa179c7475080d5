import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { must, run } from "./exec.ts";
import { only, withImages } from "./flags.ts";

// Another image of a product is tried with the stack's data, beside it: the stack is only read, and nothing is left behind.

const lab = inject("lab");
const STACK = "rehearse";
/** What a new version would be: another tag. The lab builds one version of each. */
const NEXT = "agent-stores-lab/redis:next";
const clone = useClone([STACK]);
const { succeeds } = clone;

beforeAll(async () => {
  await must("docker", ["tag", lab.images.redis ?? "", NEXT]);
  const up = `npm run up -- --stack ${STACK} --port auto ${only("redis")} ${withImages(lab)}`;
  await succeeds(up);
  await succeeds(
    `node --env-file=.env.${STACK} --input-type=module-typescript -e 'import { openStores } from "./adapters/index.ts";
await using stores = openStores(process.env); await stores.tenant("acme").session.set("who", "me");'`,
  );
});
afterAll(async () => {
  await run("docker", ["rmi", NEXT]);
});

const left = async () => [
  ...(await labelled("container", `${STACK}-rehearsal`)),
  ...(await labelled("volume", `${STACK}-rehearsal`)),
];

it("fills it, smokes it, runs the contracts, says the verdict, and leaves nothing", async () => {
  const said = await succeeds(`npm run rehearse -- --stack ${STACK} redis ${NEXT}`);
  console.log(said);
  expect(said).toMatch(/data +1 record of 1 tenant, the same as they were/);
  expect(said).toMatch(/contracts +\d{2,} cases pass/);
  expect(said).toContain(`npm run up -- --stack ${STACK} --set images.redis=${NEXT}`);
  expect(await left()).toEqual([]);
});

it("takes a snapshot instead of the live data", async () => {
  await succeeds(`npm run snapshot -- --stack ${STACK} kept`);
  const said = await succeeds(`npm run rehearse -- --stack ${STACK} redis ${NEXT} --from kept`);
  expect(said).toMatch(/data +1 record of 1 tenant/);
});

it.each([
  [lab.images.minio ?? "", "redis crashes whenever it starts"],
  ["agent-stores-lab/redis:none", "agent-stores-lab/redis:none"],
])("says why %s does not serve, and the stack goes on", async (image, why) => {
  const ran = await clone.run(`npm run rehearse -- --stack ${STACK} redis ${image}`);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain(why);
  expect(ran.stderr).not.toMatch(/ {4}at .*\.ts:/);
  expect(await left()).toEqual([]);
  await succeeds(`npm run smoke -- --stack ${STACK}`);
});

it.each([
  ["qdrant x:1", "qdrant serves no role of the stack"],
  ["oracle x:1", 'there is no product "oracle"'],
])("refuses %s", async (words, why) => {
  const ran = await clone.run(`npm run rehearse -- --stack ${STACK} ${words}`);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain(why);
});
