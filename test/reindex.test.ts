import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hashEmbedder } from "../adapters/embedder.ts";
import { openStores } from "../adapters/index.ts";
import { prepare } from "../adapters/prepare/index.ts";
import { loadEmbedder } from "../scripts/reindex/embedder.ts";
import { envFiles, writeEnv } from "../scripts/stack/dotenv.ts";
import { root } from "../stacks/place.ts";
import { pgliteFolder } from "./adapters/pglite-fixture.ts";

// The command as it is typed, on an embedded store.

const at = pgliteFolder();
const stack = `reindex-${process.pid}`;
const files = envFiles(stack);
const place = mkdtempSync(join(tmpdir(), "agent-stores-reindex-"));
const old = hashEmbedder({ dimensions: 32 });
const CHUNKS = 400;

/** A model of its own, slow enough to be killed in the middle of. */
const SLOW = `import { setTimeout as sleep } from "node:timers/promises";
import { hashEmbedder } from ${JSON.stringify(join(root, "adapters", "embedder.ts"))};
const inner = hashEmbedder({ dimensions: 48 });
export default { space: { ...inner.space, model: "mine" }, async embed(texts) { await sleep(60); return inner.embed(texts); } };`;

beforeAll(async () => {
  await prepare(at.admin);
  writeEnv(files.app, { VECTOR_URL: at.url() });
  writeEnv(files.admin, at.admin as Record<string, string>);
  writeFileSync(join(place, "mine.mjs"), SLOW);
  writeFileSync(join(place, "none.mjs"), "export default { embed: 1 };");
  await using stores = openStores({ VECTOR_URL: at.url() });
  const texts = Array.from({ length: CHUNKS }, (_, i) => `text number ${i} of many`);
  const vectors = await old.embed(texts);
  await stores.tenant("acme").vector.upsert(
    texts.map((text, i) => {
      return { id: `c${i}`, document: "d", position: i, text, vector: vectors[i] as Float32Array, space: old.space };
    }),
  );
}, 120_000);
afterAll(() => {
  for (const file of Object.values(files)) rmSync(file, { force: true });
  rmSync(place, { recursive: true, force: true });
  at.remove();
});

/** Types the command from the folder of the modules; `until` kills it when it has said so. */
async function type(words: string, until?: string) {
  const child = spawn(
    process.execPath,
    [join(root, "scripts", "reindex.ts"), "--stack", stack, "--json", ...words.split(" ")],
    { cwd: root, env: { ...process.env, INIT_CWD: place, NODE_NO_WARNINGS: "1" } },
  );
  let said = "";
  const take = (part: Buffer) => {
    said += part;
    if (until && said.includes(until)) child.kill("SIGKILL");
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const lines = said.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  return { code, said, lines: lines as Record<string, unknown>[] };
}

it("says what there is to do, and does nothing", async () => {
  const { code, lines } = await type("--to ./mine.mjs --dry-run");
  expect(code).toBe(0);
  expect(lines).toEqual([
    { tenant: "acme", from: old.space, chunks: CHUNKS, missing: CHUNKS },
    expect.objectContaining({ step: "reindex", missing: CHUNKS, seconds: expect.any(Number) }),
  ]);
});

it("goes on where it was killed, switches, and drops the old space when asked", { timeout: 120_000 }, async () => {
  const killed = await type("--to ./mine.mjs --batch 10", '"done":');
  expect(killed.code).toBeNull();
  const [plan] = (await type("--to ./mine.mjs --dry-run")).lines;
  expect(plan?.missing).toBeGreaterThan(0);
  expect(plan?.missing).toBeLessThan(CHUNKS);

  const { code, lines, said } = await type("--to ./mine.mjs");
  expect(code, said).toBe(0);
  expect(lines).toContainEqual(expect.objectContaining({ tenant: "acme", embedded: plan?.missing, switched: true }));

  const dropped = await type("--to ./mine.mjs --drop-old --tenant acme");
  expect(dropped.code, dropped.said).toBe(0);
  expect(dropped.lines).toContainEqual(expect.objectContaining({ step: "dropped", space: old.space }));
  await using stores = openStores({ VECTOR_URL: at.url() });
  expect(await stores.tenant("acme").vector.spaces()).toMatchObject([{ model: "mine", dimensions: 48 }]);
  expect(await stores.tenant("acme").vector.count()).toBe(CHUNKS);
});

it.each([
  ["--to hash:16 --batch 0", 2, /from 1 to 1000/],
  ["--to hash:16 --no-switch --drop-old", 1, /cannot be dropped/],
])("%s is refused with exit code %i", async (words, expected, what) => {
  const { code, said } = await type(words);
  expect(code, said).toBe(expected);
  expect(said).toMatch(what);
});

it.each([
  ["not-there.mjs", /not-there.mjs cannot be loaded/],
  ["none.mjs", /is no embedder/],
  ["hash:0", /dimensions is 0/],
])("an embedder named %s is refused", async (named, what) => {
  await expect(loadEmbedder(named.startsWith("hash") ? named : join(place, named))).rejects.toThrow(what);
});
