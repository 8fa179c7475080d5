import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { eventually, refused } from "./expectations.ts";
import { soon } from "./memory-basics.ts";

export function history(bench: () => Bench): void {
  it("tells each change with who made it, and what was there before and after", async () => {
    const { memory } = bench().fresh();
    const one = await memory.put({ key: "k", value: { a: 1 }, agent: "x", confidence: 0.25 }, { actor: "planner" });
    const [two] = await memory.putMany([{ key: "k", value: [2], expiresAt: soon(3_600_000) }], { actor: "importer" });
    await memory.delete({ key: "k" }, { actor: "user" });
    const three = await memory.put({ key: "k", value: "three" });
    await expect(memory.put({ key: "k", value: 0 }, { expectedVersion: 9 })).rejects.toMatchObject(refused("conflict"));
    expect(await memory.delete({ key: "other" })).toBe(false);
    const changes = await memory.history("k");
    expect(changes).toEqual([
      { seq: 4, at: three.updatedAt, action: "put", actor: null, id: three.id, before: null, after: three },
      { seq: 3, at: expect.any(Date), action: "delete", actor: "user", id: one.id, before: two, after: null },
      { seq: 2, at: two?.updatedAt, action: "put", actor: "importer", id: one.id, before: one, after: two },
      { seq: 1, at: one.updatedAt, action: "put", actor: "planner", id: one.id, before: null, after: one },
    ]);
    expect(await memory.history("other")).toEqual([]);
    expect(await memory.history("k", { limit: 2 })).toEqual(changes.slice(0, 2));
    expect(await memory.history("k", { limit: 2, before: 3 })).toEqual(changes.slice(2));
    expect(await memory.history("k", { before: 1 })).toEqual([]);
  });

  it("notes that a fact's time was over when another takes its place", async () => {
    const { memory } = bench().fresh();
    const short = await memory.put({ key: "k", value: 1, expiresAt: soon(30) });
    await eventually(async () => expect(await memory.get("k")).toBeUndefined());
    expect(await memory.history("k")).toHaveLength(1);
    const next = await memory.put({ key: "k", value: 2 });
    expect(await memory.history("k")).toMatchObject([
      { seq: 3, action: "put", id: next.id, before: null, after: next },
      { seq: 2, action: "expire", actor: null, at: short.expiresAt, id: short.id, before: short, after: null },
      { seq: 1, action: "put", after: short },
    ]);
  });

  it("purges what ended, and its history, and nothing that lives", async () => {
    const { memory, tenant } = bench().fresh();
    const other = bench().fresh();
    const { memory: fleet } = bench().fleet; // it purges what others leave on a server, too: only what is ours can be counted exactly
    for (const each of [memory, other.memory]) {
      await each.put({ key: "lives", value: "lives", expiresAt: soon(3_600_000) });
      await each.put({ key: "ended", value: "ended", expiresAt: soon(1) });
      for (const value of [1, 2]) await each.put({ key: "deleted", value });
      await each.delete({ key: "deleted" });
    }
    const live = await memory.put({ key: "deleted", value: 3 });
    await eventually(async () => expect(await memory.get("ended")).toBeUndefined());
    await fleet.purge({ olderThanMs: 3_600_000 });
    expect(await memory.history("ended")).toHaveLength(1);
    expect(await memory.history("deleted")).toHaveLength(4);
    const purged = await fleet.purge({ olderThanMs: 0 });
    expect(purged.facts).toBeGreaterThanOrEqual(4);
    expect(purged.changes).toBeGreaterThanOrEqual(8);
    expect(await memory.history("ended")).toEqual([]);
    expect(await memory.history("deleted")).toMatchObject([{ seq: 4, action: "put", before: null, after: live }]);
    expect((await memory.search()).facts.map(({ key }) => key)).toEqual(["deleted", "lives"]);
    expect((await other.memory.search()).facts.map(({ key }) => key)).toEqual(["lives"]);
    expect(await memory.put({ key: "ended", value: 1 })).toMatchObject({ version: 1 });
    expect(await memory.history("ended")).toMatchObject([{ seq: 1 }]);
    const counts = (await bench().fleet.deleteTenant(tenant)).counts.memory;
    expect(counts).toEqual({ facts: 3, words: 6, changes: 3 });
  });
}
