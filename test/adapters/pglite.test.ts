import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgliteClient } from "../../adapters/clients/pglite.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { pgliteFolder } from "./pglite-fixture.ts";

const space = { provider: "test", model: "two", dimensions: 2, normalised: false };
const one = (id: string) => ({ id, document: "d", text: id, position: 0, vector: [1, 0], space });

/** Another process that opens the folder, writes, says "ready" and then holds it. */
async function holder(url: string): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    import { openStores } from ${JSON.stringify(new URL("../../adapters/index.ts", import.meta.url).href)};
    const stores = openStores({ VECTOR_URL: process.argv[1] });
    try {
      for (let i = 0; i < 50; i++) await stores.tenant("held").vector.upsert([{ ...${JSON.stringify(one("x"))}, id: "c" + i }]);
      console.log("ready");
      setInterval(() => {}, 1000);
    } catch (error) { console.log(error.message); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise<string>((resolve) =>
    child.stdout?.once("data", (data) => resolve(String(data).trim())),
  );
  return { child, said };
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));

describe("an embedded folder", () => {
  const at = pgliteFolder();
  beforeAll(() => prepare(at.admin));
  afterAll(() => at.remove());

  it("is shared within a process, and closed by the last", async () => {
    const stores = openStores({ VECTOR_URL: at.url() });
    const again = openStores({ VECTOR_URL: at.url() });
    const fleet = openFleet(at.admin);
    await Promise.all([
      stores.tenant("acme").vector.upsert([one("a")]),
      again.tenant("acme").vector.upsert([one("b")]),
    ]);
    await stores.close();
    expect(await again.tenant("acme").vector.count()).toBe(2);
    expect((await fleet.health())[0]).toMatchObject({ ok: true });
    await again.close();
    await fleet.close();
    expect(() => again.tenant("acme").vector).toThrow("The stores were closed");
    await using anew = openStores({ VECTOR_URL: at.url() });
    expect(await anew.tenant("acme").vector.count()).toBe(2);
  });

  it("is refused to a second process, and free when that one is gone, however it went", async () => {
    const stores = openStores({ VECTOR_URL: at.url() });
    await stores.tenant("acme").vector.count();
    const second = await holder(at.url());
    expect(second.said).toContain(`${at.folder} is open in another process (pid ${process.pid})`);
    await ended(second.child);
    await stores.close();

    const { child, said } = await holder(at.url());
    expect(said).toBe("ready");
    const mine = openStores({ VECTOR_URL: at.url() });
    await expect(mine.tenant("held").vector.count()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`pid ${child.pid}`),
    });
    child.kill("SIGKILL");
    await ended(child);
    expect(await mine.tenant("held").vector.count()).toBe(50);
    await mine.close();
  });

  it("ignores what a dead process left behind", async () => {
    writeFileSync(join(at.folder, "holder"), `${process.ppid}\n`); // a living process, but not the holder
    const stores = openStores({ VECTOR_URL: at.url() });
    expect(await stores.tenant("acme").vector.count()).toBe(2);
    await stores.close();
    const half = pgliteFolder();
    mkdirSync(join(half.folder, "data.new"), { recursive: true });
    writeFileSync(join(half.folder, "data.new", "PG_VERSION"), "18\n"); // killed while it was being made
    expect(await prepare(half.admin)).toHaveLength(1);
    half.remove();
  });

  it("does not claim to be durable", async () => {
    const client = pgliteClient(at.url());
    const [rows] = await client.run({ tenant: null, statements: [{ text: "show fsync" }] });
    expect(rows).toEqual([{ fsync: "off" }]);
    await client.close();
    expect(openStores({ VECTOR_URL: at.url() }).tenant("acme").vector.can.durable).toBe(false);
  });

  it("says when the folder holds no readable database", async () => {
    const bad = pgliteFolder();
    mkdirSync(join(bad.folder, "data"), { recursive: true });
    writeFileSync(join(bad.folder, "data", "PG_VERSION"), "garbage");
    const stores = openStores({ VECTOR_URL: bad.url() });
    await expect(stores.tenant("acme").vector.count()).rejects.toMatchObject({
      name: "StoreError",
      code: "failed",
      mend: expect.stringContaining("npm run reset"),
    });
    await stores.close();
    bad.remove();
  });
});
