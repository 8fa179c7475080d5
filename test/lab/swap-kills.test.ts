import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { inspect } from "./docker.ts";
import { only, withImages } from "./flags.ts";

// A swap whose command or whose servers are killed, at moments spread over all of it: one side serves, nothing is lost, and typed again it goes through.

const lab = inject("lab");
const STACK = "swap-kills";
const CHUNKS = 3_000;
const KILLS = 10;
const clone = useClone([STACK]);
const { succeeds } = clone;
/** Milliseconds of a whole swap that nobody disturbs. */
let whole = 0;

beforeAll(async () => {
  await succeeds(`npm run up -- --stack ${STACK} --port auto ${only("postgres")} ${withImages(lab)}`);
  await succeeds(`node --env-file=.env.${STACK} test/lab/swap-fill.ts ${CHUNKS}`);
  await succeeds(`npm run snapshot -- --stack ${STACK} --tenant acme before`);
});

const SWAP = `npm run swap -- --stack ${STACK} vector qdrant`;
const lock = () => join(clone.folder, ".state", `${STACK}.lock`);
/** How far the settings say that it is. */
const step = () =>
  /step: (\w+)/.exec(readFileSync(join(clone.folder, "stacks", `Pulumi.${STACK}.yaml`), "utf8"))?.[1] ?? "none";

/** Everything is there, on whichever side serves, and that side passes its smoke; what a killed smoke left of its own is its own. */
async function holdsAll(name: string): Promise<void> {
  await succeeds(`npm run up -- --stack ${STACK}`);
  await succeeds(`npm run snapshot -- --stack ${STACK} --tenant acme ${name}`);
  await succeeds(`diff -r -x manifest.json .snapshots/${STACK}/before .snapshots/${STACK}/${name}`);
}

/** Starts a swap, disturbs it, and resolves to how it ended. */
async function disturbed(disturb: () => Promise<void>) {
  const swap = clone.run(SWAP);
  await disturb();
  return swap;
}

async function killCommand(): Promise<void> {
  if (!existsSync(lock())) return;
  process.kill(JSON.parse(readFileSync(lock(), "utf8")).pid, "SIGKILL");
}

it("goes through, and back to what is kept", async () => {
  const started = Date.now();
  await succeeds(SWAP);
  whole = Date.now() - started;
  expect(step()).toBe("kept");
  await holdsAll("there");
  await succeeds(`npm run swap -- --stack ${STACK} vector --back`);
  await succeeds(`npm run swap -- --stack ${STACK} vector --discard`);
  await holdsAll("again");
});

it.each(Array.from({ length: KILLS }, (_, i) => i))(
  "is killed %i tenths through: one side serves all of it",
  async (i) => {
    const { code } = await disturbed(async () => {
      await sleep(((i + 0.5) / KILLS) * whole);
      await killCommand();
    });
    console.log(`  killed at ${i} tenths, ended with ${code}: ${step()}`);
    await holdsAll(`killed-${i}`);
    if (step() === "kept") {
      await succeeds(`npm run swap -- --stack ${STACK} vector --back`);
      await succeeds(`npm run swap -- --stack ${STACK} vector --discard`);
    }
  },
);

it.each(["postgres", "qdrant"])("survives that %s is killed amid the copy", async (product) => {
  const ended = await disturbed(async () => {
    for (const until = Date.now() + 60_000; step() !== "copying" && Date.now() < until; ) await sleep(20);
    await sleep(1_500);
    process.kill((await inspect(`agent-stores-${STACK}-${product}`)).State.Pid, "SIGKILL");
  });
  console.log(`  ended with ${ended.code}: ${ended.stderr.trim().split("\n")[0]}`);
  if (ended.code !== 0) expect(ended.stderr).toMatch(/✖ .*\n +\S/);
  await holdsAll(`without-${product}`);
  if (step() === "kept") {
    await succeeds(`npm run swap -- --stack ${STACK} vector --back`);
    await succeeds(`npm run swap -- --stack ${STACK} vector --discard`);
  }
});

it("goes through in the end", async () => {
  await succeeds(SWAP);
  await holdsAll("ended");
  expect(step()).toBe("kept");
});
