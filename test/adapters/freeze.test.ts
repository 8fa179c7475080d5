import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFleet, openStores } from "../../adapters/index.ts";
import { prepare } from "../../adapters/prepare/index.ts";
import { refused } from "../contract/expectations.ts";
import { chunk } from "../contract/vector-fixture.ts";
import { pgliteFolder } from "./pglite-fixture.ts";

// What a role that moves to another product must not do any more, whoever asks.

describe("a frozen role of a database", () => {
  const at = pgliteFolder();
  afterAll(() => at.remove());
  const all = (url: string) => ({ VECTOR_URL: url, MEMORY_URL: url, RUN_URL: url, EVENT_URL: url, SEARCH_URL: url });
  const stores = openStores(all(at.url()));
  const fleet = openFleet(all(at.url("agent_fleet")));
  const acme = stores.tenant("acme");
  const freeze = (...roles: string[]) => prepare({ ...at.admin, PGLITE_FROZEN: roles.join(" ") });
  /** One write of each role, by the application and across tenants. */
  const writes: Record<string, readonly (() => Promise<unknown>)[]> = {
    vector: [
      () => acme.vector.upsert([chunk("new", [1, 2, 3, 4])]),
      () => acme.vector.deleteByDocument("doc-kept"),
      () => fleet.vector.deleteTenant("acme"),
    ],
    memory: [
      () => acme.memory.put({ key: "new", value: 1 }),
      () => acme.memory.delete({ key: "kept" }),
      () => acme.forRun("r").memory.put({ key: "new", value: 1 }),
      () => fleet.memory.deleteTenant("acme"),
      () => fleet.memory.purge({ olderThanMs: 0 }),
    ],
    run: [
      () => acme.run.create({ kind: "k" }),
      () => acme.run.claim({ worker: "w" }),
      () => fleet.run.deleteTenant("acme"),
    ],
    event: [() => acme.event.append("kept", [{ type: "t", data: 1 }]), () => fleet.event.deleteTenant("acme")],
    search: [
      () => acme.search.index([{ id: "new", title: "t", text: "words" }]),
      () => fleet.search.deleteTenant("acme"),
    ],
  };

  beforeAll(async () => {
    await prepare(at.admin);
    await acme.vector.upsert([chunk("kept", [1, 2, 3, 4])]);
    await acme.memory.put({ key: "kept", value: 1 });
    await acme.run.create({ kind: "k" });
    await acme.event.append("kept", [{ type: "t", data: 1 }]);
    await acme.search.index([{ id: "kept", title: "t", text: "words" }]);
  });
  afterAll(async () => {
    await stores.close();
    await fleet.close();
  });

  it.each(Object.keys(writes))("%s is not written, and every other role is", async (role) => {
    await freeze(role);
    for (const write of writes[role] ?? [])
      await expect(write(), String(write)).rejects.toMatchObject(refused("unavailable"));
    const other = role === "memory" ? "event" : "memory";
    await writes[other]?.[0]?.();
    expect(await acme.vector.count()).toBe(1);
    expect(await acme.memory.get("kept")).toMatchObject({ value: 1 });
    expect((await acme.event.read("kept")).length).toBeGreaterThan(0);
  });

  it("is written again when it is thawed", async () => {
    await freeze("vector", "memory", "run", "event", "search");
    for (const [write] of Object.values(writes)) await expect(write?.()).rejects.toMatchObject({ code: "unavailable" });
    await freeze();
    for (const [write] of Object.values(writes)) await write?.();
    expect(await acme.vector.count()).toBe(2);
  });
});
