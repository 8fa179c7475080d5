import { expect, inject, it } from "vitest";
import { useClone } from "./clone.ts";
import { withImages } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";

// All data of the default servers goes into embedded stores by a snapshot, and back: what comes out on each side is the same to the byte.

const lab = inject("lab");
const [SERVERS, EMBEDDED] = ["moves", "moved"];
/** Of the default stack. */
const PRODUCTS = ["postgres", "redis", "minio"];
const clone = useClone([SERVERS, EMBEDDED]);
const { succeeds } = clone;

/** Runs lines with the stores of a stack's tenant. */
const inStores = (stack: string, tenant: string, lines: string) =>
  succeeds(
    `node --env-file=.env.${stack} --input-type=module-typescript -e 'import { openStores } from "./adapters/index.ts";
import { hashEmbedder } from "./adapters/embedder.ts"; const embedder = hashEmbedder();
await using stores = openStores(process.env); const { vector, session, artifact } = stores.tenant("${tenant}"); ${lines}'`,
  );

const FILL = `
const texts = Array.from({ length: 300 }, (_, i) => "text number " + i);
const vectors = await embedder.embed(texts);
await vector.upsert(texts.map((text, i) => ({ id: "c" + i, document: "d" + i % 7, uri: "https://example.com/" + i % 7, text, position: i,
  metadata: { even: i % 2 === 0 }, vector: vectors[i], space: embedder.space })));
await session.set("kept", { z: 1, a: [null, "ä"] });
await session.set("ending", "later", { ttlMs: 86400000 });
await session.append("chat", texts, { keep: 200 });
await session.increment("count", 42);
await session.setScore("board", "one", 1 / 3);
await (await session.lock("lock"))?.release();
await artifact.put("runs/1/report.md", "# report", { run: "1", metadata: { pages: 3 } });
await artifact.put("large", Buffer.alloc(20971520, "0123456789abcdef"));`;

/** Two snapshots hold the same. Their manifests say when and from which products. */
const expectSame = (one: string, other: string) =>
  succeeds(`diff -r -x manifest.json .snapshots/${one} .snapshots/${other}`);

it("the default servers and embedded stores are up, and the servers hold data", async () => {
  await succeeds(`npm run up -- --stack ${SERVERS} --port auto ${withImages(lab)}`);
  await succeeds(`npm run up -- --stack ${EMBEDDED} --target embedded`);
  for (const tenant of ["acme", "beta"]) await inStores(SERVERS, tenant, FILL);
});

it("a snapshot of the servers fills embedded stores", async () => {
  await succeeds(`npm run snapshot -- --stack ${SERVERS} there`);
  await succeeds(`npm run snapshot -- --stack ${SERVERS} verify there`);
  await succeeds(`npm run restore -- --stack ${EMBEDDED} --from ${SERVERS} there`);
  await succeeds(`npm run snapshot -- --stack ${EMBEDDED} back`);
  await expectSame(`${SERVERS}/there`, `${EMBEDDED}/back`);
  const said = await inStores(
    EMBEDDED,
    "acme",
    'console.log(await session.counter("count"), await artifact.text("runs/1/report.md"), await vector.count())',
  );
  expect(said.trim()).toBe("42 # report 300");
});

it("is refused where it would delete something, unless told so", async () => {
  const ran = await clone.run(`npm run restore -- --stack ${SERVERS} --from ${EMBEDDED} back`);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/2 tenants, which would be lost: 600 chunks/);
  expect(ran.stderr).toContain("--over");
});

it("and a snapshot of those fills the servers again", async () => {
  await inStores(SERVERS, "gone", 'await session.set("k", 1)');
  await succeeds(`npm run restore -- --stack ${SERVERS} --from ${EMBEDDED} back --over`);
  await succeeds(`npm run snapshot -- --stack ${SERVERS} again`);
  await expectSame(`${SERVERS}/there`, `${SERVERS}/again`);
  for (const product of PRODUCTS) {
    const detail = `Docker engine ${lab.engineVersion}`;
    prove(product, { check: "snapshot", target: "docker", passed: true, ...groundFor(lab, product), detail });
  }
});
