import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { beforeAll, expect, inject, it } from "vitest";
import { openFleet } from "../../adapters/index.ts";
import { useClone } from "./clone.ts";
import { killAndCompareEvents } from "./event-kills.ts";
import { postgresAlone } from "./flags.ts";
import { killerOf, shared, told } from "./kill.ts";
import { groundFor } from "./lab.ts";
import { killAndCompareMemory } from "./memory-kills.ts";
import { prove } from "./proof.ts";
import { killAndCompareRuns } from "./run-kills.ts";
import { crowd } from "./run-workers.ts";
import { killAndSearch } from "./search-kills.ts";
import { killAndCompare } from "./vector-kills.ts";

// What Postgres keeps of every role: when it is killed under writes, and when the workers of its queue are.

const lab = inject("lab");
const KILLS = 20;
const clone = useClone(["durability"]);
let app: Record<string, string | undefined>;
let admin: Record<string, string | undefined>;

beforeAll(async () => {
  const up = await clone.run(`npm run up -- --stack durability ${postgresAlone(lab, 18_439)}`);
  expect(up.code, up.stdout + up.stderr).toBe(0);
  const variables = (file: string) => parseEnv(readFileSync(join(clone.folder, file), "utf8"));
  [app, admin] = [variables(".env.durability"), variables(".env.durability.admin")];
});
const proven = (check: string, passed: boolean, detail: string) =>
  prove("postgres", { check, target: "docker", passed, ...groundFor(lab, "postgres"), detail });

it("hands each of 5,000 runs to one of 50 workers, and those of killed workers to others in time", async () => {
  const url = app.RUN_URL ?? "";
  const leaseMs = 4_000;
  const all = await crowd({ url, tenant: "crowd", processes: 5, workers: 10, runs: 5_000, leaseMs: 30_000, most: 5 });
  const killed = await crowd({
    url,
    tenant: "killed",
    processes: 4,
    workers: 5,
    runs: 1_000,
    kills: 8,
    leaseMs,
    most: 50,
  });
  const detail = `50 workers in 5 processes: ${all.claims} claims of 5,000 runs, ${all.succeeded} ended well, in ${all.seconds.toFixed(0)} s; 8 workers killed: ${killed.takenOver} runs taken over, the last ${(killed.latest / 1000).toFixed(1)} s after its kill (leases of ${leaseMs / 1000} s)`;
  console.log(`  ${detail}`);
  const wrong = [...all.wrong, ...killed.wrong];
  proven("50 workers", wrong.length === 0 && all.claims === 5_000, detail);
  expect(wrong).toEqual([]);
  expect([all.claims, all.succeeded, killed.succeeded]).toEqual([5_000, 5_000, 1_000]);
  expect(killed.takenOver).toBeGreaterThan(0);
  expect(killed.latest).toBeLessThan(leaseMs + 10_000);
  await using fleet = openFleet({ RUN_URL: admin.RUN_URL });
  for (const tenant of ["crowd", "killed"]) await fleet.deleteTenant(tenant);
});

it(`loses no acknowledged write of any role in ${KILLS} SIGKILLs of the server, and its clients recover`, async () => {
  const kill = shared(await killerOf("agent-stores-durability-postgres"), 5);
  const of = (role: string) => [app[`${role}_URL`] ?? "", admin[`${role}_URL`] ?? ""] as const;
  const [vector, memory, run, event, search] = await Promise.all([
    killAndCompare(...of("VECTOR"), kill, KILLS),
    killAndCompareMemory(of("MEMORY")[0], kill, KILLS),
    killAndCompareRuns(...of("RUN"), kill, KILLS),
    killAndCompareEvents(...of("EVENT"), kill, KILLS),
    killAndSearch(...of("SEARCH"), kill, KILLS),
  ]);
  const roles = { vector, memory, run, event, search };
  const all = Object.entries(roles).map(([role, outcome]) => told(outcome, `${role} writes`, outcome.lost));
  console.log(all.map((one) => `  ${one}`).join("\n"));
  const lost = Object.values(roles).flatMap((one) => one.lost);
  proven(`${KILLS} SIGKILLs`, lost.length === 0, all.join("; "));
  expect(lost).toEqual([]);
  for (const [role, { kills, acknowledged, longest }] of Object.entries(roles)) {
    expect(kills, role).toBe(KILLS);
    expect(acknowledged, role).toBeGreaterThan(3 * KILLS);
    expect(longest, role).toBeLessThan(60);
  }
});
