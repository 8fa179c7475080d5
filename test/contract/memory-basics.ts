import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Fact } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { eventually, refused } from "./expectations.ts";

/** A moment so many milliseconds from now. */
export const soon = (ms: number) => new Date(Date.now() + ms);
const never = "00000000-0000-4000-8000-000000000000";

export function basics(bench: () => Bench): void {
  it("keeps a fact as it was given, and gives what was left out its default", async () => {
    const { memory } = bench().fresh();
    const whole = {
      key: "user:7/näme\n",
      value: { "": [1, "zwei", null, { ü: -1e-7 }], big: 1e300, empty: {}, deep: [[[[[]]]]] },
      agent: "planner",
      kind: "profile",
      confidence: 0.1,
      source: "chat:12",
      expiresAt: soon(3_600_000),
    };
    const put = await memory.put(whole);
    expect(put).toMatchObject({ ...whole, version: 1, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(Math.abs(put.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(put.updatedAt).toEqual(put.createdAt);
    expect(await memory.get(whole.key)).toEqual(put);
    const plain = await memory.put({ key: "k", value: null });
    const defaults = { agent: null, kind: "fact", confidence: null, source: null, expiresAt: null };
    expect(plain).toMatchObject({ key: "k", value: null, version: 1, ...defaults });
    expect(await memory.get("k")).toEqual(plain);
    expect(await memory.get("K")).toBeUndefined();
  });

  it("replaces a fact as a whole, under its id and the next version", async () => {
    const { memory } = bench().fresh();
    const first = await memory.put({ key: "k", value: 1, agent: "a", source: "s", confidence: 1 });
    const second = await memory.put({ key: "k", value: { is: 2 }, kind: "note" });
    const expected = { id: first.id, version: 2, value: { is: 2 }, kind: "note", agent: null, source: null };
    expect(second).toMatchObject({ ...expected, confidence: null, createdAt: first.createdAt });
    expect(second.updatedAt.getTime()).toBeGreaterThanOrEqual(first.updatedAt.getTime());
    expect(await memory.get("k")).toEqual(second);
  });

  it("puts only where the version is the expected one", async () => {
    const { memory } = bench().fresh();
    const put = (value: number, expectedVersion: number) => memory.put({ key: "k", value }, { expectedVersion });
    await expect(put(1, 1)).rejects.toMatchObject(refused("conflict"));
    expect(await memory.get("k")).toBeUndefined();
    expect(await put(1, 0)).toMatchObject({ version: 1 });
    for (const wrong of [0, 2, 9_007_199_254_740_991]) {
      await expect(put(2, wrong)).rejects.toMatchObject(refused("conflict"));
      expect(await memory.get("k")).toMatchObject({ value: 1, version: 1 });
    }
    expect(await put(2, 1)).toMatchObject({ version: 2 });
    expect(await memory.history("k")).toHaveLength(2);
    await memory.delete({ key: "k" });
    await expect(put(3, 2)).rejects.toMatchObject(refused("conflict"));
    expect(await put(3, 0)).toMatchObject({ version: 1 });
  });

  it("puts many at once, in their order, all or none", async () => {
    const { memory } = bench().fresh();
    await memory.put({ key: "b", value: 0 });
    const keys = ["c", "b", "a", "é", "\u{1f600}", "\uffff"];
    const put = await memory.putMany(keys.map((key, n) => ({ key, value: n })));
    expect(put.map(({ key, value, version }) => [key, value, version])).toEqual(
      keys.map((key, n) => [key, n, key === "b" ? 2 : 1]),
    );
    expect(await memory.getMany([...keys, "none", "b"])).toEqual([...put, undefined, put[1]]);
    expect(await memory.getMany([])).toEqual([]);
    expect((await memory.search()).facts.map(({ key }) => key)).toEqual(keys.toReversed());
    const many = Array.from({ length: 1_000 }, (_, n) => ({ key: `many ${n}`, value: `word${n} and others` }));
    expect(await memory.putMany(many)).toHaveLength(1_000);
    expect((await memory.search({ text: "word77" })).facts.map(({ key }) => key)).toContain("many 77");
    await expect(memory.putMany([...many.slice(1), { key: "\0", value: 1 }])).rejects.toMatchObject(refused("invalid"));
    expect(await memory.get("many 1")).toMatchObject({ version: 1 });
  });

  it("deletes by key and by id, once, and then begins anew", async () => {
    const { memory } = bench().fresh();
    const first = await memory.put({ key: "k", value: "words" });
    expect(await memory.delete({ id: never })).toBe(false);
    expect(await memory.delete({ id: "no id" })).toBe(false);
    expect(await memory.delete({ id: first.id.toUpperCase() })).toBe(false);
    expect(await memory.delete({ id: first.id })).toBe(true);
    expect(await memory.delete({ id: first.id })).toBe(false);
    expect(await memory.delete({ key: "k" })).toBe(false);
    expect([await memory.get("k"), (await memory.search({ text: "words" })).facts]).toEqual([undefined, []]);
    const second = await memory.put({ key: "k", value: "words" });
    expect(second.version).toBe(1);
    expect(second.id).not.toBe(first.id);
    expect(await memory.delete({ id: first.id })).toBe(false);
    expect(await memory.get("k")).toEqual(second);
    expect(await memory.delete({ key: "k" })).toBe(true);
  });

  it("ends facts by the store's clock", async () => {
    const { memory } = bench().fresh();
    const first = await memory.put({ key: "k", value: "short", expiresAt: soon(150) });
    const found = async () => [await memory.get("k"), ...(await memory.search({ text: "short" })).facts];
    expect(await found()).toEqual([first, first]);
    await eventually(async () => expect(await found()).toEqual([undefined]));
    expect(await memory.delete({ key: "k" })).toBe(false);
    expect(await memory.delete({ id: first.id })).toBe(false);
    await expect(memory.put({ key: "k", value: 1 }, { expectedVersion: 1 })).rejects.toMatchObject(refused("conflict"));
    const second = await memory.put({ key: "k", value: "again" }, { expectedVersion: 0 });
    expect(second.version).toBe(1);
    expect(second.id).not.toBe(first.id);
    expect((await memory.search({ text: "short" })).facts).toEqual([]);
    // One whose time is over already was never there.
    await memory.put({ key: "past", value: 1, expiresAt: new Date(0) });
    await memory.put({ key: "past", value: 2, expiresAt: new Date(0) });
    expect(await memory.get("past")).toBeUndefined();
    expect((await memory.history("past")).map(({ action }) => action)).toEqual(["put", "expire", "put"]);
  });

  it("is open to other processes, or says that it is not", async () => {
    const { memory, tenant } = bench().fresh();
    const kept = await memory.put({ key: "k", value: 1 });
    const script = `
      import { openStores } from ${JSON.stringify(new URL("../../adapters/index.ts", import.meta.url).href)};
      const stores = openStores(JSON.parse(process.argv[1]));
      try { console.log((await stores.tenant(process.argv[2]).memory.get("k"))?.id); } catch (error) { console.log(error.code); }
      await stores.close();`;
    const words = ["--input-type=module", "-e", script, JSON.stringify(bench().under.app), tenant];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    if (memory.can.shared) expect(stdout.trim()).toBe(kept.id satisfies Fact["id"]);
    else expect(["conflict", "undefined"]).toContain(stdout.trim());
    for (const capability of ["durable", "shared"] as const)
      expect(Boolean(memory.why[capability]), capability).toBe(!memory.can[capability]);
  });
}
