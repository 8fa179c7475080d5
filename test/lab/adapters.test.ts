import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { postgresClient } from "../../adapters/clients/postgres.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { pendingMigrations, prepare } from "../../adapters/prepare/index.ts";
import { schemaText } from "../adapters/schema-text.ts";
import { whileFrozen } from "./docker.ts";
import { run } from "./exec.ts";

// What only a real server shows: accounts and their passwords, two at once, a restart, a freeze, and how its planner answers.

const lab = inject("lab");
const PORT = 18_436;
const name = `agent-stores-lab-adapters-${process.pid}`;
const passwords = {
  postgres: "AdminCanary1",
  agent_owner: "OwnerCanary2",
  agent_fleet: "FleetCanary3",
  agent_core: "CoreCanary4",
};
const url = (role: keyof typeof passwords, password = passwords[role], query = "") =>
  `postgres://${role}:${password}@127.0.0.1:${PORT}/agent_core${query}`;
const admin = (app = passwords.agent_core) => ({
  POSTGRES_ADMIN_URL: url("postgres"),
  POSTGRES_OWNER_URL: url("agent_owner"),
  POSTGRES_FLEET_URL: url("agent_fleet"),
  POSTGRES_APP_URL: url("agent_core", app),
  VECTOR_URL: url("agent_fleet"),
});
const space = { provider: "lab", model: "eight", dimensions: 8, normalised: false };
const chunks = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `c${i}`,
    document: `d${i % 10}`,
    text: `text ${i}`,
    position: i,
    metadata: { hundred: i % 100 },
    vector: Float32Array.from({ length: 8 }, (_, j) => Math.sin(i * 7 + j * j)),
    space,
  }));

async function docker(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run("docker", words);
  if (code !== 0) throw new Error(stderr);
  return stdout + stderr;
}

async function answers(): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { code } = await run("docker", ["exec", name, "pg_isready", "-h", "127.0.0.1", "-U", "postgres"]);
    if (code === 0) return;
    await sleep(100);
  }
  throw new Error("the server does not start");
}

beforeAll(async () => {
  const image = lab.images.postgres ?? "";
  const env = ["-e", `POSTGRES_PASSWORD=${passwords.postgres}`];
  await docker(
    "run",
    "-d",
    "--name",
    name,
    "--shm-size",
    "512m",
    "-p",
    `127.0.0.1:${PORT}:5432`,
    ...env,
    image,
    "-c",
    "log_statement=all",
  );
  await answers();
});
afterAll(() => docker("rm", "-f", "-v", name));

describe("prepare", () => {
  it("makes everything from an empty server, two at once, and then only looks", async () => {
    const both = await Promise.all([prepare(admin()), prepare(admin())]);
    expect(both.flat().flatMap(({ applied }) => applied)).toHaveLength(both[0]?.[0]?.migrations ?? 0);
    const looks = [];
    for (let round = 0; round < 3; round++) looks.push(...(await prepare(admin())));
    expect(looks.flatMap(({ applied }) => applied)).toEqual([]);
    expect(Math.min(...looks.map(({ seconds }) => seconds))).toBeLessThan(0.2);
    expect(await pendingMigrations(admin())).toEqual([{ product: "postgres", pending: [] }]);
  });

  it("leaves the schema that sql/schema.sql says", async () => {
    const client = postgresClient(url("postgres"));
    await expect(await schemaText(client)).toMatchFileSnapshot("../../sql/schema.sql");
    await client.close();
  });

  it("gives an account the password of its URL, and shows it to no log", async () => {
    const count = async (password: string) => {
      const stores = openStores({ VECTOR_URL: url("agent_core", password) });
      return stores
        .tenant("acme")
        .vector.count()
        .finally(() => stores.close());
    };
    await expect(count("ChangedCanary5")).rejects.toMatchObject({
      code: "denied",
      mend: expect.stringContaining("npm run up"),
    });
    await prepare(admin("ChangedCanary5"));
    expect(await count("ChangedCanary5")).toBe(0);
    await expect(count(passwords.agent_core)).rejects.toMatchObject({ code: "denied" });
    await prepare(admin());
    const log = await docker("logs", name);
    expect(log).toContain("alter role"); // the statements are in the log
    for (const secret of [...Object.values(passwords), "ChangedCanary5"]) expect(log).not.toContain(secret);
  });
});

describe("a store", () => {
  it("refuses an account that sees every tenant, and the fleet one that does not", async () => {
    for (const role of ["postgres", "agent_fleet"] as const) {
      const stores = openStores({ VECTOR_URL: url(role) });
      await expect(stores.tenant("acme").vector.count()).rejects.toMatchObject({
        code: "denied",
        message: expect.stringContaining(role),
      });
      await stores.close();
    }
    const fleet = openFleet({ VECTOR_URL: url("agent_core") });
    await expect(fleet.vector.tenants()).rejects.toMatchObject({
      code: "denied",
      mend: expect.stringContaining(".env.admin"),
    });
    await expect(fleet.deleteTenant("acme")).rejects.toMatchObject({ code: "denied" });
    await fleet.close();
  });

  it("answers by the index that its size and filter ask for, as the app account", async () => {
    const stores = openStores({ VECTOR_URL: url("agent_core") });
    const { vector } = stores.tenant("large");
    await vector.upsert(chunks(8_000));
    for (let i = 0; i < 20; i++) await stores.tenant(`small-${i}`).vector.upsert(chunks(50));
    const probe = { vector: chunks(1)[0]?.vector ?? [], topK: 10 };
    expect(await vector.explain(probe)).toMatchObject({ access: "ann", index: expect.stringMatching(/_hnsw$/) });
    const tagged = await vector.explain({ ...probe, filter: { hundred: 7 } });
    expect(tagged.access).toBe("exact");
    expect(tagged.detail).toMatch(/Index Only Scan using chunk_tags_pkey/);
    expect(tagged.detail).toMatch(/Index Scan using chunk_vectors_[0-9a-f]+_pkey/);
    const small = await stores.tenant("small-3").vector.explain(probe);
    expect(small).toMatchObject({ access: "exact", index: null });
    await stores.close();
  });

  it("goes on after a restart without being opened again", async () => {
    const stores = openStores({ VECTOR_URL: url("agent_core") });
    const { vector } = stores.tenant("restarted");
    await vector.upsert(chunks(10));
    await docker("restart", "-t", "10", name);
    expect(await vector.count()).toBe(10);
    await docker("stop", "-t", "10", name);
    await expect(vector.count()).rejects.toMatchObject({
      code: "unavailable",
      mend: expect.stringContaining("npm run up"),
    });
    await docker("start", name);
    expect(await vector.count()).toBe(10);
    expect(await vector.upsert(chunks(10))).toEqual({ written: 10 });
    await stores.close();
  });

  it("goes on when the database was made anew under it", async () => {
    const stores = openStores({ VECTOR_URL: url("agent_core") });
    const { vector } = stores.tenant("restored");
    await vector.upsert(chunks(10));
    expect(await vector.query({ vector: chunks(2)[1]?.vector ?? [], topK: 3 })).toHaveLength(3);
    const server = new pg.Client({ connectionString: url("postgres").replace("/agent_core", "/postgres") });
    await server.connect();
    await server.query("drop database agent_core with (force)");
    await server.end();
    await prepare(admin());
    // Its spaces are gone, and pgvector's type has another oid.
    expect(await vector.query({ vector: chunks(2)[1]?.vector ?? [], topK: 3 })).toEqual([]);
    expect(await vector.upsert(chunks(10))).toEqual({ written: 10 });
    expect(await vector.query({ vector: chunks(2)[1]?.vector ?? [], topK: 3 })).toHaveLength(3);
    await stores.close();
  });

  it("gives up on a frozen server, and comes back with it", async () => {
    const stores = openStores({
      VECTOR_URL: url("agent_core", undefined, "?statement_timeout=1000&connect_timeout=2"),
    });
    const { vector } = stores.tenant("frozen");
    await vector.upsert(chunks(5));
    await whileFrozen(name, async () => {
      for (const expected of ["connected", "connecting"]) {
        const before = Date.now();
        await expect(vector.count(), expected).rejects.toMatchObject({ code: "timeout" });
        expect(Date.now() - before).toBeLessThan(6_000);
      }
    });
    expect(await vector.count()).toBe(5);
    await stores.close();
  });

  it("stops a statement at its time limit, and keeps its connection", async () => {
    const client = postgresClient(url("agent_core"), { pool: 1, statementTimeout: 300 });
    const slow = client.run({ tenant: "acme", statements: [{ text: "select pg_sleep(5)" }] });
    await expect(slow).rejects.toMatchObject({ code: "timeout", mend: expect.stringContaining("statement_timeout") });
    const [rows] = await client.run({
      tenant: "acme",
      statements: [{ text: "select current_setting('app.tenant') as tenant" }],
    });
    expect(rows).toEqual([{ tenant: "acme" }]);
    await client.close();
  });

  it("closes when what is under way has ended", async () => {
    const client = postgresClient(url("agent_core"));
    const slow = client.run({ tenant: "acme", statements: [{ text: "select 7 as n, pg_sleep(0.3)" }] });
    await client.vectorOid();
    const before = Date.now();
    await client.close();
    expect(Date.now() - before).toBeGreaterThan(100);
    expect((await slow)[0]?.[0]?.n).toBe(7);
    await expect(client.run({ tenant: "acme", statements: [] })).rejects.toMatchObject({ code: "invalid" });
    await client.close();
  });

  it("waits for its turn among more calls than connections", async () => {
    const stores = openStores({ VECTOR_URL: url("agent_core", undefined, "?pool=2") });
    const { vector } = stores.tenant("busy");
    await vector.upsert(chunks(20));
    const counts = await Promise.all(Array.from({ length: 200 }, () => vector.count()));
    expect(new Set(counts)).toEqual(new Set([20]));
    await stores.close();
  });

  it("deletes a tenant while it is being written to, and leaves no half of a chunk", async () => {
    const stores = openStores({ VECTOR_URL: url("agent_core") });
    const fleet = openFleet(admin());
    const { vector } = stores.tenant("contested");
    const write = async () => {
      for (let i = 0; i < 15; i++)
        await vector.upsert(chunks(200).map((one) => ({ ...one, document: `d${i}-${one.position % 7}` })));
    };
    const erase = async () => {
      for (let i = 0; i < 8; i++)
        await fleet.deleteTenant("contested").catch((error) => expect(error).toMatchObject({ code: "conflict" })); // it is written to
    };
    await Promise.all([write(), write(), erase()]);
    const count = await vector.count();
    const hits = await vector.query({ vector: chunks(2)[1]?.vector ?? [], topK: 1_000 });
    expect(hits).toHaveLength(count);
    expect(await vector.count({ hundred: { gte: 0 } })).toBe(count);
    await fleet.deleteTenant("contested");
    const owner = postgresClient(url("agent_fleet"));
    for (const table of ["documents", "chunks", "chunk_tags", "chunk_vectors", "spaces"]) {
      const text = `select count(*)::int4 as n from agents.${table} where tenant_id = 'contested'`;
      expect((await owner.run({ tenant: null, statements: [{ text }] }))[0], table).toEqual([{ n: 0 }]);
    }
    await Promise.all([stores.close(), fleet.close(), owner.close()]);
  });
});
