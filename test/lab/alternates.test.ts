import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, inject, it } from "vitest";
import type { Role } from "../../components/product.ts";
import { useClone } from "./clone.ts";
import { proveContracts } from "./contracts.ts";
import { killAndCompareEvents } from "./event-kills.ts";
import { only } from "./flags.ts";
import { type Kill, killerOf, type Outcome, told } from "./kill.ts";
import { groundFor } from "./lab.ts";
import { killAndCompareMemory } from "./memory-kills.ts";
import { prove } from "./proof.ts";
import { killAndCompare } from "./vector-kills.ts";

// Products that are nobody's default, each in a stack of its own: up, smoke, contract, kills.

const lab = inject("lab");
const KILLS = 20;

interface Alternate {
  product: string;
  role: Role;
  /** Writes under kills, and compares what was acknowledged with what is there. */
  kills(url: string, fleetUrl: string, kill: Kill, kills: number): Promise<Outcome>;
}

const ALTERNATES: Alternate[] = [
  { product: "qdrant", role: "vector", kills: killAndCompare },
  { product: "chroma", role: "vector", kills: killAndCompare },
  { product: "kafka", role: "event", kills: killAndCompareEvents },
  { product: "mongodb", role: "memory", kills: (url, _, kill, kills) => killAndCompareMemory(url, kill, kills) },
];

describe.each(ALTERNATES)("$product for $role", ({ product, role, kills }) => {
  const clone = useClone([product]);
  const ground = groundFor(lab, product);
  const variables = (file: string) => parseEnv(readFileSync(join(clone.folder, file), "utf8"));
  const succeeds = (command: string) => clone.succeeds(`${command} --stack ${product}`);

  it("comes up and passes the smoke", async () => {
    await succeeds(
      `npm run up -- --port auto ${only()} --set ${role}=${product} --set images.${product}=${lab.images[product]}`,
    );
    console.log(await succeeds("npm run smoke --"));
    prove(product, {
      check: "smoke",
      target: "docker",
      passed: true,
      ...ground,
      detail: `Docker engine ${lab.engineVersion}`,
    });
  });

  it("is known to the other commands", async () => {
    for (const command of ["status", "doctor", "env", "migrate"]) await succeeds(`npm run ${command} --`);
    expect(await succeeds("npm run up --")).toContain("no change");
  });

  it("holds to the contract", () =>
    proveContracts(clone, lab, { variables: `.env.${product}.admin`, products: [product], roles: [role] }));

  it(`loses no acknowledged write in ${KILLS} SIGKILLs of the server, and its clients recover`, async () => {
    const name = `${role.toUpperCase()}_URL`;
    const [app, admin] = [variables(`.env.${product}`), variables(`.env.${product}.admin`)];
    const outcome = await kills(
      app[name] ?? "",
      admin[name] ?? "",
      await killerOf(`agent-stores-${product}-${product}`),
      KILLS,
    );
    const detail = told(outcome, `${role} writes`, outcome.lost);
    console.log(`  ${detail}`);
    prove(product, {
      check: `${KILLS} SIGKILLs`,
      target: "docker",
      passed: outcome.lost.length === 0,
      ...ground,
      detail,
    });
    expect(outcome.lost).toEqual([]);
    expect(outcome.kills).toBe(KILLS);
    expect(outcome.acknowledged).toBeGreaterThan(3 * KILLS);
    expect(outcome.longest).toBeLessThan(60);
  });

  it("goes down and comes back with its data, and reset leaves nothing", async () => {
    for (const command of ["npm run down --", "npm run up --", "npm run reset -- --yes"]) await succeeds(command);
  });
});
