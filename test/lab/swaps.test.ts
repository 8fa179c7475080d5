import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { proveContracts } from "./contracts.ts";
import { labelled } from "./docker.ts";
import { only, withImages } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";

// One word swaps a product for another of its kind: each serves the same roles at the same URL, and data of the one that left waits for it. As root, with
// data in a folder: every server runs as a user of its own then.

const lab = inject("lab");
const STACK = "swaps";
const clone = useClone([STACK]);
const { succeeds } = clone;

const up = (words = "") => succeeds(`npm run up -- --stack ${STACK} ${words}`);
const variables = () => readFileSync(join(clone.folder, `.env.${STACK}`), "utf8");
const running = async () => (await labelled("container", STACK)).map((name) => name.split("-").at(-1)).sort();

/** Runs one line with this stack's stores. */
const inStores = (line: string) =>
  succeeds(
    `node --env-file=.env.${STACK} --input-type=module-typescript -e 'import { openStores } from "./adapters/index.ts";
await using stores = openStores(process.env); const { session, artifact } = stores.tenant("kept"); ${line}'`,
  );

describe("the default products", () => {
  it("come up and are proven", async () => {
    await up(`--port auto ${only("redis", "minio")} --set storage=./.local-data ${withImages(lab)}`);
    expect(await running()).toEqual(["minio", "redis"]);
    await succeeds(`npm run smoke -- --stack ${STACK}`);
    await inStores('await session.set("who", "redis"); await artifact.put("who.txt", "minio")');
  });
});

describe.each([
  { role: "session" as const, product: "valkey", gone: "redis" },
  { role: "artifact" as const, product: "seaweedfs", gone: "minio" },
])("$role: $product", ({ role, product, gone }) => {
  it("takes the place, at the same URL", async () => {
    const before = variables();
    await up(`--set ${role}=${product}`);
    expect(await running()).toContain(product);
    expect(await running()).not.toContain(gone);
    expect(variables().replace("&listing=folders", "")).toBe(before);
  });

  it("passes the smoke and the contract", async () => {
    await succeeds(`npm run smoke -- --stack ${STACK}`);
    const detail = `Docker engine ${lab.engineVersion}`;
    prove(product, { check: "smoke", target: "docker", passed: true, ...groundFor(lab, product), detail });
    await proveContracts(clone, lab, { variables: `.env.${STACK}.admin`, products: [product], roles: [role] });
  });
});

it("the products that left come back with their data", async () => {
  await up("--set session=redis --set artifact=minio");
  expect(await running()).toEqual(["minio", "redis"]);
  const said = await inStores('console.log(await session.get("who"), await artifact.text("who.txt"))');
  expect(said.trim()).toBe("redis minio");
});
