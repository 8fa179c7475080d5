import { spawnSync } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { postgresClient } from "../../adapters/clients/postgres.ts";
import { hideSecrets, StoreError } from "../../adapters/errors.ts";
import { openFleet, openStores } from "../../adapters/index.ts";

const password = "Hunter2Canary";
const count = async (url: string) => {
  const stores = openStores({ VECTOR_URL: url });
  try {
    return await stores.tenant("acme").vector.count();
  } finally {
    await stores.close();
  }
};

/** What went wrong, after a look that no part of it, however it is printed, shows the password. */
async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => expect.unreachable("it should have failed"),
    (thrown) => thrown,
  );
  const { inspect } = await import("node:util");
  expect(error).toBeInstanceOf(StoreError);
  expect(
    `${error.message} ${error.stack} ${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`,
  ).not.toContain(password);
  return error as StoreError;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

describe("the PostgreSQL client", () => {
  it("says that nothing listens, without the password", async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const error = await failure(count(`postgres://agent_core:${password}@127.0.0.1:${port}/agent_core`));
    expect(error).toMatchObject({ code: "unavailable", mend: expect.stringContaining("npm run up") });
    expect(error.message).toContain(`127.0.0.1:${port}`);
    const fleet = openFleet({ VECTOR_URL: `postgres://agent_fleet:${password}@127.0.0.1:${port}/agent_core` });
    const [health] = await fleet.health();
    expect(health).toMatchObject({ role: "vector", protocol: "postgres", ok: false });
    expect(JSON.stringify(health)).not.toContain(password);
    await fleet.close();
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    const port = await listening(server);
    const started = Date.now();
    const error = await failure(
      count(`postgres://agent_core:${password}@127.0.0.1:${port}/agent_core?connect_timeout=1`),
    );
    expect(error.code).toBe("timeout");
    expect(Date.now() - started).toBeLessThan(5_000);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it("says that a server hangs up", async () => {
    const server = createServer((socket) => socket.end());
    const port = await listening(server);
    expect((await failure(count(`postgres://agent_core:${password}@127.0.0.1:${port}/agent_core`))).code).toBe(
      "unavailable",
    );
    server.close();
  });

  it("refuses what is no URL, or asks for what it cannot do, without repeating it", async () => {
    for (const url of [
      `postgres://agent_core:${password}@`,
      `postgres://agent_core:${password}@[::1/x`,
      `postgres://a:${password}@h/d?sslmode=prefer`,
    ]) {
      expect((await failure(count(url))).code, url).toBe("invalid");
    }
    expect((await failure(count(`carrier-pigeon://me:${password}@coop`))).message).toContain('"carrier-pigeon:"');
  });

  it("connects only when it is used", async () => {
    await postgresClient("postgres://a:b@127.0.0.1:1/d").close();
    await openStores({ VECTOR_URL: "postgres://a:b@127.0.0.1:1/d" }).close();
  });

  it("says which package is missing", () => {
    const index = new URL("../../adapters/index.ts", import.meta.url).href;
    for (const [absent, url] of [
      ["pg", "postgres://a:b@127.0.0.1:1/d"],
      ["@electric-sql/pglite", `pglite://${process.cwd()}/adapters?role=agent_core`],
    ]) {
      const script = `
        import { registerHooks } from "node:module";
        registerHooks({ resolve(name, context, next) {
          if (name === ${JSON.stringify(absent)}) throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
          return next(name, context);
        } });
        const { openStores } = await import(${JSON.stringify(index)});
        const { openEngine } = await import(${JSON.stringify(new URL("../../adapters/clients/pglite-engine.ts", import.meta.url).href)});
        try {
          if (process.argv[1].startsWith("pglite:")) await openEngine(process.argv[2], { create: true });
          else await openStores({ VECTOR_URL: process.argv[1] }).tenant("acme").vector.count();
        } catch (error) { console.log(error.code + "|" + error.mend); }`;
      const folder = `/tmp/agent-stores-none-${process.pid}`;
      const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script, url as string, folder], {
        encoding: "utf8",
      });
      expect(stdout.trim()).toBe(
        absent === "pg"
          ? "missing-client|Run: npm install pg"
          : "missing-client|Run: npm install @electric-sql/pglite @electric-sql/pglite-pgvector",
      );
    }
  });
});

describe("variables", () => {
  it("are named when they are missing, and DATABASE_URL serves vectors", async () => {
    expect(() => openStores({}).tenant("acme").vector).toThrow(/VECTOR_URL is not set.*npm run up/);
    const stores = openStores({ DATABASE_URL: "inprocess:database" });
    expect(await stores.tenant("acme").vector.count()).toBe(0);
    expect(
      openStores({ VECTOR_URL: "inprocess:", DATABASE_URL: "postgres://x" }).tenant("acme").vector.can.shared,
    ).toBe(false);
  });
});

describe("hideSecrets", () => {
  it("hides any password of any URL in a text", () => {
    const secret = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_%/:@+$#"), minLength: 8 }).map((s) => `s3${s}`);
    fc.assert(
      fc.property(secret, fc.constantFrom("postgres", "pglite", "redis", "s3"), (given, scheme) => {
        const text = `cannot reach ${scheme}://agent_core:${given}@db.internal:5432/x?a=1, giving up`;
        const shown = hideSecrets(text);
        expect(shown).not.toContain(given);
        expect(shown).toContain(`${scheme}://agent_core:***@db.internal:5432/x`);
      }),
    );
    expect(hideSecrets("http://h/p?api_key=abc&x=1&token=def")).toBe("http://h/p?api_key=***&x=1&token=***");
    const signed =
      "https://h/b?X-Amz-Credential=id%2F1&X-Amz-Expires=60&X-Amz-Signature=abc and https://h/c?sp=r&sig=d%2Fe&design=f";
    expect(hideSecrets(signed)).toBe(
      "https://h/b?X-Amz-Credential=***&X-Amz-Expires=60&X-Amz-Signature=*** and https://h/c?sp=r&sig=***&design=f",
    );
  });
});
