import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "../adapters/pglite-fixture.ts";
import { artifactContract } from "./artifact.ts";
import { servers } from "./servers.ts";

const inprocess = { ARTIFACT_URL: "inprocess:contract" };
artifactContract({ name: "inprocess", app: inprocess, admin: inprocess });

const folder = mkdtempSync(join(tmpdir(), "agent-stores-artifacts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => {
  mkdirSync(join(folder, name));
  return { ARTIFACT_URL: `file://${join(folder, name)}` };
};
const plain = at("plain");
artifactContract({ name: "files", app: plain, admin: plain, cases: 120, many: 120 });

const database = pgliteFolder();
afterAll(() => database.remove());
await prepare(database.admin);
const indexed = at("indexed");
const index = (role: string) => ({ ...indexed, ARTIFACT_INDEX_URL: database.url(role) });
artifactContract({
  name: "files with an index",
  app: index("agent_core"),
  admin: index("agent_fleet"),
  cases: 60,
  many: 120,
});

// Their index is in the database that the same file names, if it names one.
const [sql] = await servers("vector");
for (const { product, app, fleet } of await servers("artifact"))
  artifactContract({
    name: product,
    app: { ARTIFACT_URL: app, ...(sql && { ARTIFACT_INDEX_URL: sql.app }) },
    admin: { ARTIFACT_URL: fleet, ...(sql && { ARTIFACT_INDEX_URL: sql.fleet }) },
  });
