import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Env } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { catalogue, runsOn } from "../../components/catalogue/index.ts";
import { ACCOUNTS } from "../../components/product.ts";
import { fill } from "../../components/secret.ts";
import type { UnderTest } from "./bench.ts";
import { type OpenRole, servers, serves, variableOf } from "./servers.ts";

/** Every store that shows a role's contract here: in process, each embedded product of the catalogue, and the servers that are named. */
export async function storesUnderTest(role: OpenRole): Promise<UnderTest[]> {
  const variable = variableOf(role);
  const all: UnderTest[] = [];
  if (serves(role, "inprocess:contract")) {
    const env = { [variable]: "inprocess:contract" };
    all.push({ name: "inprocess", app: env, admin: env });
  }
  for (const [product, row] of catalogue)
    if (runsOn(row, "embedded") && row.roles.includes(role)) all.push(await embedded(product, variable));
  for (const { product, app, fleet } of await servers(role))
    all.push({ name: product, app: { [variable]: app }, admin: { [variable]: fleet } });
  return all;
}

/** An embedded product in a folder of its own, prepared; the folder goes when the file's tests have ended. */
async function embedded(product: string, variable: string): Promise<UnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "agent-stores-contract-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const row = catalogue.get(product);
  const at = {
    host: "",
    ports: {},
    beside: {},
    folder: join(folder, product),
    options: {},
    budget: { cpu: 0, memory: 0, disk: 0 },
    frozen: false,
  };
  const urls = row?.urls({ ...at, secret: (name) => ({ secret: name }) });
  const url = (account: (typeof ACCOUNTS)[number]) => fill(urls?.[account] ?? "", ({ secret }) => secret);
  const admin: Env = Object.fromEntries(
    ACCOUNTS.map((account) => [`${product.toUpperCase()}_${account.toUpperCase()}_URL`, url(account)]),
  );
  await prepare(admin);
  return { name: product, app: { [variable]: url("app") }, admin: { ...admin, [variable]: url("fleet") } };
}
