import { expect, it } from "vitest";
import { useClone } from "./clone.ts";
import { prove } from "./proof.ts";

// A bare machine: a fresh clone with nothing installed, the machine's own Node, no container engine and no Pulumi.

const clone = useClone([], { installed: false });

/** Without docker on PATH, and in a mount namespace of its own without the engine's socket. */
const bare = (command: string) =>
  clone.run(
    `unshare --mount sh -c 'mount -t tmpfs none /run && PATH=${clone.pathWithout(["docker", "dockerd", "pulumi"])} ${command}'`,
  );

it("npm run up ends with working stores in under 90 s, installation included", async () => {
  const ran = await bare("npm run up");
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  expect(ran.stdout).toContain("no container engine is installed");
  console.log(`  first up ${ran.seconds.toFixed(1)} s`);
  expect(ran.seconds).toBeLessThan(90);
});

it("in under 5 s the second time, on the same target", async () => {
  const seconds: number[] = [];
  for (let round = 0; round < 2; round++) {
    const ran = await bare("npm run up");
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    seconds.push(ran.seconds);
  }
  console.log(`  up again, twice: ${seconds.map((one) => one.toFixed(1)).join(", ")} s`);
  expect(Math.min(...seconds)).toBeLessThan(5);
});

it("with nothing to install, the launcher costs under 1 s", async () => {
  // Beside the command itself in the same minute: how fast the machine is, and what else it does, falls out.
  const launched: number[] = [];
  const direct: number[] = [];
  for (let round = 0; round < 5; round++) {
    for (const [command, seconds] of [
      ["node scripts/launch.mjs status --help", launched],
      ["PATH=$PWD/node_modules/.bin:$PATH node scripts/status.ts --help", direct],
    ] as const) {
      const ran = await bare(command);
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
      seconds.push(ran.seconds);
    }
  }
  const [all, own] = [Math.min(...launched), Math.min(...direct)];
  console.log(`  status --help ${all.toFixed(2)} s through the launcher, ${own.toFixed(2)} s without`);
  expect(all - own).toBeLessThan(1);
});

it.each(["npm run smoke", "npm run status", "npm run doctor", "npm run env", "npm run migrate"])(
  "%s",
  async (command) => {
    const ran = await bare(command);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    if (command === "npm run smoke")
      for (const product of ["pglite", "sqlite", "files"])
        prove(product, {
          check: "smoke",
          target: "embedded",
          passed: true,
          on: "the product itself",
          detail: "bare machine",
        });
  },
);

it("npm run export compose says that there are no containers", async () => {
  const ran = await bare("npm run export compose");
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("npm run up -- --target docker");
});

it("npm run down keeps the data, npm run reset deletes it", async () => {
  expect((await bare("npm run down")).code).toBe(0);
  expect((await bare("npm run up")).code).toBe(0);
  const reset = await bare("npm run reset -- --yes");
  expect(reset.code, reset.stdout + reset.stderr).toBe(0);
  expect((await clone.run("ls -A .local-data/local")).stdout.trim()).toBe("");
});
