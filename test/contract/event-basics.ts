import { expect, it } from "vitest";
import type { NewEvent } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, refused } from "./expectations.ts";

export const event = (n: number, id?: string): NewEvent => ({ type: "counted", data: { n }, ...(id && { id }) });
export const events = (count: number, from = 1): NewEvent[] => Array.from({ length: count }, (_, i) => event(from + i));
export const versionsOf = (all: readonly { version: number }[]) => all.map(({ version }) => version);

export function basics(bench: () => Bench): void {
  it("counts versions from 1 without gaps, and reads them either way", async () => {
    const { event: store } = bench().fresh();
    expect([await store.head("s"), await store.read("s")]).toEqual([0, []]);
    const before = Date.now();
    expect(await store.append("s", [{ type: "a", data: null }])).toEqual({ version: 1 });
    expect(await store.append("s", events(249, 2))).toEqual({ version: 250 });
    const [first, ...rest] = await store.read("s");
    expect(first).toEqual({ stream: "s", version: 1, type: "a", data: null, at: expect.any(Date) });
    expect(Math.abs((first?.at.getTime() ?? 0) - before)).toBeLessThan(60_000);
    expect(versionsOf(rest)).toEqual(Array.from({ length: 99 }, (_, i) => i + 2));
    expect(versionsOf(await store.read("s", { after: 247 }))).toEqual([248, 249, 250]);
    expect(versionsOf(await store.read("s", { after: 247, limit: 1 }))).toEqual([248]);
    expect(versionsOf(await store.read("s", { backwards: true, limit: 3 }))).toEqual([250, 249, 248]);
    expect(versionsOf(await store.read("s", { backwards: true, after: 248 }))).toEqual([250, 249]);
    expect(await store.read("s", { limit: 1_000 })).toHaveLength(250);
    expect(await store.read("s", { after: 250 })).toEqual([]);
    expect([await store.head("s"), await store.head("t")]).toEqual([250, 0]);
    const moments = (await store.read("s", { limit: 1_000 })).map(({ at }) => at.getTime());
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
  });

  it("appends only where it was expected to", async () => {
    const { event: store } = bench().fresh();
    expect(store.can.expectedVersion).toBe(true);
    await expect(store.append("s", events(1), { expectedVersion: 3 })).rejects.toMatchObject(refused("conflict"));
    expect(await allOf(store.streams())).toEqual([]);
    expect(await store.append("s", events(2), { expectedVersion: 0 })).toEqual({ version: 2 });
    for (const expectedVersion of [0, 1, 3, 2 ** 53 - 1])
      await expect(store.append("s", events(1), { expectedVersion })).rejects.toThrow(
        `at version 2, not ${expectedVersion}`,
      );
    expect(await store.append("s", events(1), { expectedVersion: 2 })).toEqual({ version: 3 });
    expect(await store.head("s")).toBe(3);
  });

  it("knows an append that it has done before by its ids", async () => {
    const { event: store } = bench().fresh();
    expect(store.can.idempotent).toBe(true);
    const batch = [event(1, "a"), event(2), event(3, "b")];
    for (let n = 0; n < 3; n++) expect(await store.append("s", batch, { expectedVersion: 0 })).toEqual({ version: 3 });
    expect(await store.append("s", [event(1, "a")])).toEqual({ version: 1 });
    expect((await store.read("s")).map(({ id }) => id)).toEqual(["a", undefined, "b"]);
    await expect(store.append("s", [event(1, "a"), event(4, "c")])).rejects.toMatchObject(refused("conflict"));
    expect(await store.append("t", [event(1, "a"), event(4, "c")])).toEqual({ version: 2 });
    expect(await store.head("s")).toBe(3);
    await store.trim("s", { keep: 0 });
    expect(await store.append("s", [event(1, "a")])).toEqual({ version: 4 });
  });

  it("keeps what it is given, to the last sign", async () => {
    const { event: store } = bench().fresh();
    const data = {
      b: 1,
      a: [0.1, -1e-300, 1e300, 2 ** 53, null, true, "", "ü🚲\u0001\\\"'"],
      "": {},
      deep: [[[[{ x: [] }]]]],
      2: "two",
    };
    await store.append("s/ü:1 🚲", [{ type: "t y:p\n🚲", data, id: "i:🚲" }]);
    const [found] = await store.read("s/ü:1 🚲");
    expect(found).toMatchObject({ stream: "s/ü:1 🚲", type: "t y:p\n🚲", id: "i:🚲" });
    expect(JSON.stringify(found?.data)).toBe(JSON.stringify(data));
  });

  it("lists streams by code point, with a prefix", async () => {
    const { event: store } = bench().fresh();
    const names = ["b", "a", "a/1", "a/2", "A", "ä", "\uffee", "🚲", "a:", "a%", "a_"];
    for (const name of names) await store.append(name, events(2));
    const inOrder = names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect((await allOf(store.streams())).map(({ stream }) => stream)).toEqual(inOrder);
    expect(await allOf(store.streams({ prefix: "a/" }))).toEqual([
      { stream: "a/1", version: 2 },
      { stream: "a/2", version: 2 },
    ]);
    for (const prefix of ["a_", "a%", "🚲"])
      expect(await allOf(store.streams({ prefix }))).toEqual([{ stream: prefix, version: 2 }]);
    expect(await allOf(store.streams({ prefix: "z" }))).toEqual([]);
  });

  it("trims the beginning, and never uses a version again", async () => {
    const { event: store } = bench().fresh();
    await store.append("s", events(20));
    expect(await store.trim("s", { keep: 30 })).toBe(0);
    expect(await store.trim("s", { keep: 5 })).toBe(15);
    expect(await store.trim("s", { keep: 5 })).toBe(0);
    expect(versionsOf(await store.read("s"))).toEqual([16, 17, 18, 19, 20]);
    expect(await store.trim("s", { before: new Date(Date.now() - 3_600_000) })).toBe(0);
    expect(await store.trim("s", { before: new Date(Date.now() + 3_600_000) })).toBe(5);
    expect([await store.read("s"), await store.head("s"), await store.trim("none", { keep: 0 })]).toEqual([[], 20, 0]);
    expect(await store.append("s", events(1), { expectedVersion: 20 })).toEqual({ version: 21 });
    expect(versionsOf(await store.read("s"))).toEqual([21]);
  });

  it("follows from any version on, what is there and what comes", async () => {
    const { event: store } = bench().fresh();
    await store.append("s", events(250));
    const end = new AbortController();
    const seen: number[] = [];
    const following = (async () => {
      for await (const { version } of store.follow("s", { after: 20, signal: end.signal })) {
        seen.push(version);
        if (version === 250) await store.append("s", events(1, 251));
        if (version === 251) setTimeout(() => void store.append("s", events(2, 252)), 20);
        if (version === 253) end.abort();
      }
    })();
    await following;
    expect(seen).toEqual(Array.from({ length: 233 }, (_, i) => i + 21));
    const over = AbortSignal.abort();
    expect(await allOf(store.follow("s", { signal: over }))).toEqual([]);
    for await (const { version } of store.follow("s")) if (version === 3) break; // what was begun is ended
  });

  it("follows a stream that begins later, and passes over what is trimmed", async () => {
    const { event: store } = bench().fresh();
    const end = new AbortController();
    const seen: number[] = [];
    const following = (async () => {
      for await (const { version } of store.follow("s", { signal: end.signal })) {
        seen.push(version);
        if (version === 10) end.abort();
      }
    })();
    await store.append("other", events(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await store.append("s", events(2));
    await expect.poll(() => seen).toEqual([1, 2]);
    await store.append("s", events(8, 3));
    await following;
    await store.trim("s", { keep: 2 });
    const [first] = await store.read("s");
    for await (const { version } of store.follow("s", { after: 3 })) {
      expect(version).toBe(first?.version);
      break;
    }
  });
}
