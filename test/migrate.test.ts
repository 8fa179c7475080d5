import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pgliteClient } from "../adapters/clients/pglite.ts";
import { migrate } from "../adapters/prepare/database.ts";
import { prepare } from "../adapters/prepare/index.ts";
import { migrations } from "../adapters/prepare/migrations.ts";
import { ownersElsewhere } from "../scripts/migrate/owners.ts";
import { root } from "../stacks/place.ts";
import { pgliteFolder } from "./adapters/pglite-fixture.ts";

// The command as an operator types it beside a database that no stack of this checkout runs.

const at = pgliteFolder();
const place = mkdtempSync(join(tmpdir(), "agent-stores-migrate-"));
const owner = at.url("agent_owner");

beforeAll(async () => {
  await prepare(at.admin);
  writeFileSync(join(place, "owner-url"), `${owner}\n`);
  writeFileSync(join(place, "variables"), `PGLITE_OWNER_URL=${owner}\n`);
  writeFileSync(join(place, "empty"), "A=1\n");
}, 120_000);
afterAll(() => {
  rmSync(place, { recursive: true, force: true });
  at.remove();
});

function type(words: string, env: Record<string, string> = {}) {
  const ran = spawnSync(
    process.execPath,
    [join(root, "scripts", "migrate.ts"), "--stack", "nowhere", ...words.split(" ").filter(Boolean)],
    { cwd: root, encoding: "utf8", env: { ...process.env, INIT_CWD: place, NODE_NO_WARNINGS: "1", ...env } },
  );
  return { code: ran.status, said: ran.stdout + ran.stderr };
}

it("--check with the owner's URL in the environment says that nothing is pending, exit code 0", () => {
  const { code, said } = type("--check", { PGLITE_OWNER_URL: owner });
  expect(said).toContain("nothing is pending");
  expect(code).toBe(0);
});

it("an owner is named by a file that is a URL, by one of variables, or by nobody", () => {
  expect(ownersElsewhere(join(place, "owner-url"))).toEqual({ DATABASE_OWNER_URL: owner });
  expect(ownersElsewhere(join(place, "variables"))).toEqual({ PGLITE_OWNER_URL: owner });
  expect(ownersElsewhere(undefined)).toBeUndefined();
  expect(() => ownersElsewhere(join(place, "not-there"))).toThrow(/not-there cannot be read/);
  expect(() => ownersElsewhere(join(place, "empty"))).toThrow(/empty names no owner/);
});

it("lists what is pending with exit code 1, writes nothing, and applies it when asked", {
  timeout: 120_000,
}, async () => {
  const last = migrations().at(-1)?.name;
  const client = pgliteClient(owner);
  await client.run({
    tenant: null,
    statements: [{ text: "drop schema agents, events, agents_admin cascade" }],
  });
  await migrate(client, migrations().slice(0, -1));
  await client.close();
  const checked = type("--check --url-file owner-url");
  expect(checked.code, checked.said).toBe(1);
  expect(checked.said).toContain(`1 migration pending: ${last}`);
  const json = type("--check --json --url-file owner-url");
  expect(json.code, json.said).toBe(1);
  expect(json.said).toContain(JSON.stringify({ product: "database", pending: [last] }));
  const applied = type("--url-file owner-url");
  expect(applied.code, applied.said).toBe(0);
  expect(applied.said).toContain(`applied ${last}`);
  expect(type("--url-file owner-url").said).toContain("nothing was pending");
});

it("a stack that was never up is refused with exit code 1", () => {
  const { code, said } = type("--check");
  expect(code, said).toBe(1);
  expect(said).toContain("stack nowhere was never up");
});
