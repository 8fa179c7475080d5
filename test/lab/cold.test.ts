import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { postgresAlone, withImages } from "./flags.ts";

// How long the default stack takes from nothing but its images, beside `docker compose up --wait` of our own export. The figures mean something when this file runs
// alone: npm run lab -- cold

const lab = inject("lab");
const STACK = "cold";
const ROUNDS = 3;
const clone = useClone([STACK]);

async function timed(command: string): Promise<{ seconds: number; said: string }> {
  const ran = await clone.run(command);
  expect(ran.code, `${command}\n${ran.stdout}\n${ran.stderr}`).toBe(0);
  return { seconds: ran.seconds, said: ran.stdout };
}

it("up, cold, beside docker compose up --wait of our own export", async () => {
  const compose = "docker compose --env-file cold.env -f cold.yml --profile core --profile artifacts";
  const best = {
    whole: Number.POSITIVE_INFINITY,
    servers: Number.POSITIVE_INFINITY,
    compose: Number.POSITIVE_INFINITY,
  };
  for (let round = 0; round < ROUNDS; round++) {
    const up = await timed(`npm run up -- --stack ${STACK} --port auto ${withImages(lab)}`);
    const servers = Number(/changes in (\d+\.\d) s/.exec(up.said)?.[1]);
    await timed(`npm run export compose -- --stack ${STACK} --out cold.yml && cp .env.${STACK}.admin cold.env`);
    await timed(`npm run reset -- --yes --stack ${STACK}`);
    const theirs = await timed(`${compose} up --wait`);
    await timed(`${compose} down -v`);
    best.whole = Math.min(best.whole, up.seconds);
    best.servers = Math.min(best.servers, servers);
    best.compose = Math.min(best.compose, theirs.seconds);
  }
  const ratio = (seconds: number) => `${seconds.toFixed(1)} s, ${(seconds / best.compose).toFixed(2)} x`;
  console.log(
    `  cold, best of ${ROUNDS}: compose up --wait ${best.compose.toFixed(1)} s; servers of up ready in ${ratio(best.servers)}; up whole, with credentials, preparation and smoke ${ratio(best.whole)}`,
  );
  // Beside other files of the lab only a great change shows.
  expect(best.servers / best.compose).toBeLessThan(3);
});

it("a pulumi up without change takes under 3.5 s", async () => {
  await timed(`npm run up -- --stack ${STACK} ${postgresAlone(lab, 18_445)}`);
  const env = { PULUMI_CONFIG_PASSPHRASE_FILE: join(clone.folder, ".state", "passphrase") };
  const seconds: number[] = [];
  for (let round = 0; round < 3; round++) {
    const ran = await clone.run(`pulumi up --stack ${STACK} --yes --skip-preview`, { env });
    expect(ran.stdout, ran.stderr).toMatch(/\d+ unchanged/);
    seconds.push(ran.seconds);
  }
  console.log(`  pulumi up without change, three times: ${seconds.map((one) => one.toFixed(1)).join(", ")} s`);
  expect(Math.min(...seconds)).toBeLessThan(3.5);
});
