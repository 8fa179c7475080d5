import { beforeAll, describe, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { withImages } from "./flags.ts";
import { CLUSTER_STACK, readmeCommands } from "./readme-commands.ts";

// Every command of the README, as it stands there and in its order.

const lab = inject("lab");
const clone = useClone();

/** A stack of its own, so that the commands can stand as they are. */
const env = { AGENT_STORES_STACK: "readme" };
/** They run this very file; CI runs them. */
const OURSELVES = ["npm test", "npm run lab"];
/** What needs a cluster is run where there is one: kubernetes.test.ts. */
const commands = readmeCommands.filter((command) => !command.includes(CLUSTER_STACK));

beforeAll(async () => {
  const ran = await clone.run(`npm run init -- --port auto ${withImages(lab)}`, { env });
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
});

describe("the README", () => {
  it("has the two commands first", () => {
    expect(commands.slice(0, 2)).toEqual(["npm run up", "npm run smoke"]);
    for (const command of OURSELVES) expect(commands).toContain(command);
  });

  it.each(commands.filter((command) => !OURSELVES.includes(command)))("%s", async (command) => {
    const ran = await clone.run(command, { env });
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    console.log(`  ${command.padEnd(45)} ${ran.seconds.toFixed(1)} s`);
  });
});
