import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { withImages } from "./flags.ts";

// Several stacks of one project on one machine at once, each with ports and data of its own.

const lab = inject("lab");
const STACKS = ["one", "two", "three", "four", "five"].map((name) => `side-${name}`);
const clone = useClone(STACKS);

const variablesOf = (stack: string) => parseEnv(readFileSync(join(clone.folder, `.env.${stack}`), "utf8"));

/** Runs one line with the session store of a stack. */
async function inSession(stack: string, line: string): Promise<string> {
  const script = `import { openStores } from "./adapters/index.ts"; await using stores = openStores(process.env);
const { session } = stores.tenant("side"); ${line}`;
  const ran = await clone.run(`node --env-file=.env.${stack} --input-type=module-typescript -e '${script}'`);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout.trim();
}

it(`${STACKS.length} come up at once, on ports that up chose`, async () => {
  const all = await Promise.all(
    STACKS.map((stack) => clone.run(`npm run up -- --stack ${stack} --port auto ${withImages(lab)}`)),
  );
  for (const ran of all) expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  console.log(`  ${STACKS.length} stacks at once: ${Math.max(...all.map(({ seconds }) => seconds)).toFixed(1)} s`);
  const ports = STACKS.flatMap((stack) => {
    const { PGPORT, SESSION_URL = "", S3_ENDPOINT = "" } = variablesOf(stack);
    return [PGPORT, new URL(SESSION_URL).port, new URL(S3_ENDPOINT).port];
  });
  expect(new Set(ports).size).toBe(STACKS.length * 3);
});

it("see nothing of each other", async () => {
  for (const stack of STACKS) await inSession(stack, `await session.set("who", "${stack}")`);
  for (const stack of STACKS) expect(await inSession(stack, 'console.log(await session.get("who"))')).toBe(stack);
});

it("go down and come back alone, on the same ports", async () => {
  const [first = "", ...others] = STACKS;
  const before = variablesOf(first);
  const down = await clone.run(`npm run down -- --stack ${first}`);
  expect(down.code, down.stderr).toBe(0);
  for (const stack of others) expect(await labelled("container", stack)).toHaveLength(3);
  const up = await clone.run(`npm run up -- --stack ${first}`);
  expect(up.code, up.stdout + up.stderr).toBe(0);
  expect(variablesOf(first)).toEqual(before);
  expect(await inSession(first, 'console.log(await session.get("who"))')).toBe(first);
});

it("are reset one at a time", async () => {
  const [first = "", second = ""] = STACKS;
  const ran = await clone.run(`npm run reset -- --yes --stack ${first}`);
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  expect(await labelled("volume", first)).toEqual([]);
  expect(existsSync(join(clone.folder, `.env.${first}`))).toBe(false);
  expect(await inSession(second, 'console.log(await session.get("who"))')).toBe(second);
});
