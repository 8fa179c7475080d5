import { fork, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { holdDatabase, openDatabase, sqliteClient } from "../../adapters/clients/sqlite.ts";
import { sqliteFile } from "../../adapters/clients/sqlite-file.ts";
import { openFleet, openStores } from "../../adapters/index.ts";
import { pendingMigrations, prepare } from "../../adapters/prepare/index.ts";
import { SESSION } from "../../adapters/session/sqlite-schema.ts";
import type { Seen } from "../lab/session-clients.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-stores-sqlite-"));
const url = `sqlite://${folder}`;
const admin = { SQLITE_ADMIN_URL: url, SQLITE_OWNER_URL: url, SQLITE_FLEET_URL: url, SQLITE_APP_URL: url };

describe("the session role in a file", () => {
  it("is unprepared until it is made, and made by several at once", async () => {
    await using stores = openStores({ SESSION_URL: url });
    const unprepared = { code: "unprepared", mend: expect.stringContaining("npm run up") };
    await expect(stores.tenant("acme").session.get("k")).rejects.toMatchObject(unprepared);
    expect(await pendingMigrations(admin)).toEqual([
      { product: "sqlite", pending: expect.arrayContaining(["session_1"]) },
    ]);
    await Promise.all([prepare(admin), prepare(admin)]);
    expect(await pendingMigrations(admin)).toEqual([{ product: "sqlite", pending: [] }]);
    expect(await prepare(admin)).toMatchObject([{ migrations: 0, applied: [] }]);
    expect(await stores.tenant("acme").session.get("k")).toBeUndefined(); // the same store
    await using fleet = openFleet({ SESSION_URL: url });
    expect((await fleet.health())[0]).toMatchObject({ ok: true, detail: expect.stringMatching(/^SQLite \d/) });
  });

  it("counts a rate limit and a lock exactly in several processes", async () => {
    await using stores = openStores({ SESSION_URL: url });
    const { session } = stores.tenant("crowd");
    const all = await Promise.all([1, 2, 3].map(() => clients(4, 20, 5, 3)));
    expect(all.reduce((sum, { allowed }) => sum + allowed, 0)).toBe(20);
    expect(new Set(all.flatMap(({ tokens }) => tokens)).size).toBe(36);
    expect(await session.get("sum")).toBe(36);
  });

  it("hears what another process publishes, within the time of a look", async () => {
    await using stores = openStores({ SESSION_URL: url });
    const waits: number[] = [];
    await using _ = await stores
      .tenant("crowd")
      .session.subscribe("d", (sent) => void waits.push(Date.now() - Number(sent)));
    const code = `import { openStores } from "./adapters/index.ts"; import { setTimeout } from "node:timers/promises";
await using stores = openStores({ SESSION_URL: ${JSON.stringify(url)} });
for (let n = 0; n < 9; n++) { await setTimeout(40); await stores.tenant("crowd").session.publish("d", Date.now()); }`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], { stdio: "inherit" });
    await new Promise((resolve) => child.once("exit", resolve));
    await expect.poll(() => waits.length).toBe(9);
    expect(Math.min(...waits)).toBeLessThan(50); // the others may have met a busy machine
  });

  it("names a file that is no database", async () => {
    const broken = mkdtempSync(join(tmpdir(), "agent-stores-sqlite-"));
    writeFileSync(join(broken, "session.db"), "no database ".repeat(100));
    await using stores = openStores({ SESSION_URL: `sqlite://${broken}` });
    await expect(stores.tenant("acme").session.get("k")).rejects.toMatchObject({ code: "failed" });
    rmSync(broken, { recursive: true });
    await expect(
      async () => openStores({ SESSION_URL: "sqlite://host/x" }).tenant("acme").session,
    ).rejects.toMatchObject({ code: "invalid" });
    const misspelt = { SESSION_URL: `${url}?durabel=true` };
    await expect(async () => openStores(misspelt).tenant("acme").session).rejects.toMatchObject({ code: "invalid" });
  });

  it("is closed once, however often", async () => {
    const [one, other] = [sqliteFile(folder, SESSION), sqliteFile(folder, SESSION)];
    const read = () => other.read((db) => db.first<{ n: number }>("select 1 as n")?.n);
    await one.read(() => {});
    expect(await read()).toBe(1);
    await Promise.all([one.close(), one.close()]);
    await one.close();
    expect(await read()).toBe(1); // on the connection that both had
    await other.close();
  });

  it("tells those who listen when it cannot look for changes any more", async () => {
    const shared = await openDatabase(join(folder, "session.db"));
    const client = sqliteClient(
      async () => shared,
      () => {},
    );
    const failures: unknown[] = [];
    const stop = await client.watch(
      () => {},
      (error) => failures.push(error),
    );
    shared.db.close();
    await expect.poll(() => failures.length).toBeGreaterThan(0);
    expect(failures[0]).toMatchObject({ name: "StoreError" });
    stop();
    await client.close();
  });

  it("forgets a lock that nobody takes, but not one that is held", async () => {
    await using stores = openStores({ SESSION_URL: url });
    const { session } = stores.tenant("forgetful");
    const held = await session.lock("held", { autoExtend: false, ttlMs: 60_000 });
    await (await session.lock("fresh"))?.release();
    const hours = (n: number) => (Date.now() - n * 3_600_000) * 1_000;
    const db = new DatabaseSync(join(folder, "session.db"));
    const add = db.prepare("insert into lock values ('forgetful', ?, ?, ?)");
    add.run("older", hours(26), 0);
    add.run("younger", hours(24), 0);
    add.run("long held", hours(26), Date.now() + 60_000);
    const code = `import { openStores } from "./adapters/index.ts";
await using stores = openStores({ SESSION_URL: ${JSON.stringify(url)} });
await stores.tenant("forgetful").session.set("k", 1);`;
    await inAnotherProcess(code); // the first write of a process removes what is over
    const left = db.prepare("select name from lock where tenant = 'forgetful' order by name").all();
    expect(left.map(({ name }) => name)).toEqual(["fresh", "held", "long held", "younger"]);
    db.close();
    await held?.release();
  });

  it("is held against other processes, or said to be open in one", async () => {
    const place = mkdtempSync(join(tmpdir(), "agent-stores-sqlite-"));
    const there = `sqlite://${place}`;
    await prepare({ ...admin, SQLITE_OWNER_URL: there });
    const file = join(place, "session.db");
    const set = `import { openStores } from "./adapters/index.ts";
await using stores = openStores({ SESSION_URL: ${JSON.stringify(there)} });
await stores.tenant("acme").session.set("k", 1);`;
    const user = spawn(
      process.execPath,
      [
        "--input-type=module-typescript",
        "-e",
        `${set} console.log("open"); await new Promise((r) => process.stdin.once("data", r));`,
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const ended = new Promise((resolve) => user.once("exit", resolve));
    await new Promise((resolve) => user.stdout.once("data", resolve));
    await expect(holdDatabase(file)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(file),
    });
    user.stdin.end("\n");
    await ended;
    const release = await holdDatabase(file);
    expect(await inAnotherProcess(set)).not.toBe(0);
    release();
    expect(await inAnotherProcess(set)).toBe(0);
    writeFileSync(file, "no database ".repeat(100));
    (await holdDatabase(file))();
    rmSync(place, { recursive: true });
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inAnotherProcess(code: string): Promise<number | null> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], { stdio: "ignore" });
  return new Promise((resolve) => child.once("exit", resolve));
}

function clients(count: number, limit: number, asks: number, rounds: number): Promise<Seen> {
  const words = [url, "crowd", ...[count, limit, asks, rounds].map(String)];
  const child = fork(join(import.meta.dirname, "../lab/session-clients.ts"), words);
  return new Promise((resolve, reject) => {
    child.once("message", (seen: Seen) => resolve(seen));
    child.once("exit", (code) => reject(new Error(`a process of clients ended with ${code}`)));
  });
}
