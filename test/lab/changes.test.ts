import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Checkout, makeCheckout } from "./checkout.ts";
import { inspect, labelled } from "./docker.ts";
import { run } from "./exec.ts";
import { only, postgresAlone } from "./flags.ts";

// What settings, another checkout or somebody at the engine's own command line may do to a stack that has data.

const lab = inject("lab");
const STACK = "changes";
const CONTAINER = `agent-stores-${STACK}-postgres`;
let clone: Checkout;
let other: Checkout;

beforeAll(async () => {
  clone = await makeCheckout(lab);
  other = await makeCheckout(lab);
  await succeeds(`npm run up -- --stack ${STACK} ${postgresAlone(lab, 18_442)}`);
  await sql("create table kept (n int); insert into kept values (42)");
});
afterAll(async () => {
  await clone?.run(`npm run reset -- --yes --stack ${STACK}`);
  await other?.remove();
  await clone?.remove();
});

async function succeeds(command: string): Promise<string> {
  const ran = await clone.run(command);
  expect(ran.code, `${command}\n${ran.stdout}${ran.stderr}`).toBe(0);
  return ran.stdout;
}

const up = (words = "") => succeeds(`npm run up -- --stack ${STACK} ${words}`);
const sql = (text: string) => run("docker", ["exec", CONTAINER, "psql", "-U", "postgres", "-Atc", text]);
const kept = async () => (await sql("select n from kept")).stdout.trim();
const source = async () =>
  (JSON.parse((await inspect(CONTAINER)).text)[0] as { Mounts: { Type: string }[] }).Mounts[0]?.Type;

it("another checkout may neither bring it up, nor take it down, nor delete it", async () => {
  for (const command of [`up -- ${postgresAlone(lab, 18_443)}`, "down --", "reset -- --yes"]) {
    const [name = "", ...words] = command.split(" -- ").join(" ").split(" ");
    await other.run(`npm run init -- --stack ${STACK} ${postgresAlone(lab, 18_443)}`);
    const ran = await other.run(
      `npm run ${name} -- --stack ${STACK} ${words.filter((word) => word !== "--").join(" ")}`,
    );
    expect(ran.code, ran.stdout).not.toBe(0);
    expect(ran.stdout + ran.stderr).toContain(`belongs to another checkout: ${clone.folder}`);
  }
  expect(await kept()).toBe("42");
});

it("a container that somebody stopped or removed, and a network that was pruned, come back", async () => {
  for (const harm of [
    ["stop", CONTAINER],
    ["rm", "-f", CONTAINER],
  ]) {
    await run("docker", harm);
    await up();
    expect(await kept()).toBe("42");
  }
  await succeeds(`npm run down -- --stack ${STACK}`);
  await run("docker", ["network", "rm", `agent-stores-${STACK}`]);
  await up();
  expect(await kept()).toBe("42");
});

it("the storage setting moves a running stack to a folder and back to the data of before", async () => {
  await up("--set storage=./.local-data");
  expect(await source()).toBe("bind");
  expect(await labelled("volume", STACK)).toEqual([CONTAINER]);
  await up("--set storage=volumes");
  expect(await source()).toBe("volume");
  expect(await kept()).toBe("42");
});

it("a role that is set to none keeps its data for the day it comes back", async () => {
  expect(await up(only())).toContain("nothing runs");
  expect(await labelled("container", STACK)).toEqual([]);
  await up("--set vector=auto");
  expect(await kept()).toBe("42");
});

it("a server that crashes whenever it starts is given up early, with its last words, and the setting is taken back", async () => {
  const ran = await clone.run(`npm run up -- --stack ${STACK} --set options.postgres.settings.bogus_setting=1`);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toContain("postgres crashes whenever it starts");
  expect(ran.stderr).toContain('unrecognized configuration parameter "bogus_setting"');
  expect(ran.seconds).toBeLessThan(60);
  await up();
  expect(await kept()).toBe("42");
});

it("a change of target is refused while containers run", async () => {
  const ran = await clone.run(`npm run up -- --stack ${STACK} --target embedded`);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toContain(`npm run down -- --stack ${STACK}`);
  expect(await kept()).toBe("42");
  // Another checkout's are none of ours.
  await other.run(`rm -f stacks/Pulumi.${STACK}.yaml`);
  const theirs = await other.run(`npm run up -- --stack ${STACK} --target embedded`);
  expect(theirs.code, theirs.stdout + theirs.stderr).toBe(0);
});

it("reset deletes all of it, from wherever it was", async () => {
  await succeeds(`npm run reset -- --yes --stack ${STACK}`);
  for (const kind of ["container", "volume", "network"] as const) expect(await labelled(kind, STACK)).toEqual([]);
  expect(existsSync(join(clone.folder, ".local-data", STACK))).toBe(false);
});
