import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEnv } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { openStores } from "../../adapters/index.ts";
import { useClone } from "./clone.ts";
import { labelled } from "./docker.ts";
import { only, withImages } from "./flags.ts";
import { groundFor } from "./lab.ts";
import { prove } from "./proof.ts";

// Roles go from product to product with all that they hold, and come back: what arrives is the same to the byte.

const lab = inject("lab");
const STACK = "swap";
const CHUNKS = 20_000;
const OBJECTS = 1_000;
const LARGE_MIB = 1_024;
const clone = useClone([STACK]);
const { succeeds } = clone;

const variables = (file = `.env.${STACK}`) => parseEnv(readFileSync(join(clone.folder, file), "utf8"));
const running = async () => (await labelled("container", STACK)).map((name) => name.split("-").at(-1)).sort();
const swap = (words: string) => succeeds(`npm run swap -- --stack ${STACK} ${words}`);
/** The hash that the command says of what both sides hold. */
const hashIn = (said: string) => /sha256 ([0-9a-f]{16})/.exec(said)?.[1];

/** A swap there with the data, which `proves` the product that takes over. */
async function moves(role: string, product: string, words = ""): Promise<string> {
  const said = await swap(`${role} ${product} ${words}`);
  console.log(said);
  const detail = `Docker engine ${lab.engineVersion}`;
  prove(product, { check: "swap", target: "docker", passed: true, ...groundFor(lab, product), detail });
  return hashIn(said) ?? said;
}

it("a stack that holds data is up", async () => {
  await succeeds(
    `npm run up -- --stack ${STACK} --port auto ${only("postgres", "redis", "minio")} --set budgets.qdrant.cpu=2 ${withImages(lab)}`,
  );
  await succeeds(`node --env-file=.env.${STACK} test/lab/swap-fill.ts ${CHUNKS} ${OBJECTS} ${LARGE_MIB}`);
});

describe("vector", () => {
  /** Of all that the first swap found. */
  let hash = "";

  it("says what it would do, and does nothing", async () => {
    const said = await swap("vector qdrant --dry-run");
    expect(said).toContain(`${CHUNKS.toLocaleString("en")} chunks`);
    expect(await running()).toEqual(["minio", "postgres", "redis"]);
  });

  it("goes to Qdrant: readers go on, writers are refused, and no acknowledged write is lost", async () => {
    const before = openStores(variables());
    const { vector } = before.tenant("writer");
    const seen = { written: [] as string[], refused: 0, failed: [] as unknown[], reads: 0 };
    const probe = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i));
    const space = { provider: "lab", model: "writer", dimensions: 384, normalised: false };
    let stop = false;
    const write = async () => {
      for (let n = 0; !stop; n++) {
        const id = `w${n}`;
        await vector.upsert([{ id, document: "w", position: n, text: id, vector: probe, space }]).then(
          () => seen.written.push(id),
          (error) => (error.code === "unavailable" ? seen.refused++ : seen.failed.push(error)),
        );
        await sleep(20);
      }
    };
    const read = async () => {
      for (; !stop; seen.reads++, await sleep(50))
        await before
          .tenant("beta")
          .vector.query({ vector: probe, topK: 3 })
          .catch((error) => seen.failed.push(error));
    };
    const working = Promise.all([write(), read()]);
    try {
      hash = await moves("vector", "qdrant");
    } finally {
      stop = true;
      await working;
      await before.close();
    }
    expect(seen.failed).toEqual([]);
    expect(seen.refused).toBeGreaterThan(0);
    expect(seen.reads).toBeGreaterThan(10);
    await using after = openStores(variables());
    const { vector: there } = after.tenant("writer");
    expect(await there.count()).toBe(seen.written.length);
    console.log(`  ${seen.written.length} writes acknowledged, ${seen.refused} refused, ${seen.reads} reads meanwhile`);
    expect(await running()).toEqual(["minio", "postgres", "qdrant", "redis"]);
  });

  it("goes back as it was, and forth again, but not over what is kept unless told so", async () => {
    const ran = await clone.run(`npm run swap -- --stack ${STACK} vector postgres`);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("--over");
    const away = await swap("vector --back");
    expect(away).toContain("qdrant keeps it, frozen");
    await swap("vector --back");
  });

  it("goes on to Chroma, and from there back to Postgres: it arrives as it left", async () => {
    await swap("vector --discard");
    expect(await moves("vector", "chroma")).toBe(hash);
    await swap("vector --discard");
    expect(await moves("vector", "postgres")).toBe(hash);
    const discarded = await swap("vector --discard");
    expect(discarded).toContain("what chroma held of it is gone");
    expect(await running()).toEqual(["minio", "postgres", "redis"]);
  });
});

describe("memory", () => {
  it("goes to MongoDB and back, with its history, what has ended and what was deleted", async () => {
    const there = await moves("memory", "mongodb");
    await swap("memory --discard");
    expect(await moves("memory", "postgres")).toBe(there);
    await swap("memory --discard");
    await using stores = openStores(variables());
    const { memory } = stores.tenant("acme");
    expect(await memory.get("k40")).toMatchObject({ value: [40, null, 1e21], version: 2 });
    expect((await memory.history("k0")).map(({ action, actor }) => [action, actor])).toEqual([
      ["delete", "gone"],
      ["put", "again"],
      ["put", null],
    ]);
    expect(await memory.get("k302")).toBeUndefined();
  });
});

describe("event", () => {
  it("goes to Kafka and back: streams in their order, groups at their places", async () => {
    const there = await moves("event", "kafka");
    await using kafka = openStores(variables());
    const { event } = kafka.tenant("acme");
    const [last] = await event.read("orders", { backwards: true, limit: 1 });
    expect(await event.head("orders")).toBe(last?.version);
    await swap("event --discard");
    expect(await moves("event", "postgres")).toBe(there);
    await swap("event --discard");
  });
});

describe("session", () => {
  it("goes to Valkey and back, with times and fencing tokens, at the same URL", async () => {
    const url = variables().SESSION_URL;
    const ttls = async () => {
      await using stores = openStores(variables());
      const { session } = stores.tenant("acme");
      return [await session.ttl("k1"), await session.ttl("k499"), (await session.counter("count")) as number];
    };
    const token = async () => {
      await using stores = openStores(variables());
      await using lock = await stores.tenant("acme").session.lock("guard");
      return Number(lock?.token);
    };
    const held = await token();
    const before = await ttls();
    const started = Date.now();
    const there = await moves("session", "valkey");
    const back = await moves("session", "redis", "--over");
    expect(back).toBe(there);
    const took = Date.now() - started;
    const after = await ttls();
    expect(variables().SESSION_URL).toBe(url);
    for (const i of [0, 1]) expect(Math.abs(Number(before[i]) - took - Number(after[i]))).toBeLessThan(1_000);
    expect(after[2]).toBe(42);
    expect(await token()).toBeGreaterThan(held);
  });
});

describe("artifact", () => {
  it(`goes to SeaweedFS: ${OBJECTS} objects and one of ${LARGE_MIB} MiB, and their index is right`, async () => {
    const url = variables().ARTIFACT_URL;
    await moves("artifact", "seaweedfs");
    expect(variables().ARTIFACT_URL?.replace("&listing=folders", "")).toBe(url);
    await using stores = openStores(variables());
    const { artifact } = stores.tenant("acme");
    expect((await artifact.stat("large"))?.size).toBe(LARGE_MIB << 20);
    expect(await artifact.find({ run: "r3", limit: 1_000 })).toHaveLength(OBJECTS / 10);
    await swap("artifact --discard");
  });
});
