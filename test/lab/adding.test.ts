import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { only } from "./flags.ts";

// docs/adding-a-product.md, followed to the letter: one file in a clone, and every command knows the product.

const lab = inject("lab");
const PRODUCT = "bluekey";
const PATH = `components/catalogue/${PRODUCT}.ts`;
const clone = useClone([PRODUCT]);
const { succeeds } = clone;

it("takes one file, which is the page's own", async () => {
  const page = readFileSync(join(clone.folder, "docs", "adding-a-product.md"), "utf8");
  expect(page).toContain(PATH);
  const row = /```typescript\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const before = await succeeds("git status --porcelain");
  writeFileSync(join(clone.folder, PATH), row);
  expect((await succeeds("git status --porcelain")).replace(before, "").trim()).toBe(`?? ${PATH}`);
});

it("comes up in the place of its kind, and is proven", async () => {
  // Its image is made up: another server of the kind stands for it.
  const image = `--set images.${PRODUCT}=${lab.images.valkey}`;
  const said = await succeeds(
    `npm run up -- --stack ${PRODUCT} --port auto ${only()} --set session=${PRODUCT} ${image}`,
  );
  expect(said).toMatch(new RegExp(`✔ ${PRODUCT} +(ready|healthy)`));
  expect(said).toContain("✔ smoke");
  expect(await labelled("container", PRODUCT)).toEqual([`agent-stores-${PRODUCT}-${PRODUCT}`]);
});

it("is listed by doctor, status, the compose file and the matrix", async () => {
  for (const command of ["doctor", "status"])
    expect(await succeeds(`npm run ${command} -- --stack ${PRODUCT}`)).toContain(PRODUCT);
  await succeeds(`npm run export compose -- --stack ${PRODUCT}`);
  const composed = await succeeds("cat docker-compose.*.yml");
  expect(composed).toContain(`${PRODUCT}:`);
  const matrix = await succeeds(
    `node --input-type=module -e 'console.log((await import("./test/matrix.ts")).matrix())'`,
  );
  expect(matrix).toContain(
    "| Bluekey (`bluekey`) | session, event | docker, kubernetes (rendered) | Apache-2.0 | maintained |",
  );
});
