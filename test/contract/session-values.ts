import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { allOf, eventually, refused } from "./expectations.ts";

const TEN_YEARS = 315_576_000_000;

export function values(bench: () => Bench): void {
  it("returns what was given, and nothing for what was not", async () => {
    const { session } = bench().fresh();
    const given = { text: "Grüße 🚲", list: [1, -2.5, 1e300, true, null, [], {}], nested: { '"\\"': "\n\u2028" } };
    expect(await session.set("a", given)).toBe(true);
    for (const [key, value] of Object.entries({ s: "", n: 0, f: false, nothing: null, list: [] }))
      expect(await session.set(key, value), key).toBe(true);
    expect(await session.get("a")).toEqual(given);
    expect(await session.get("A")).toBeUndefined();
    expect(await session.getMany(["s", "n", "none", "f", "nothing", "list", "s"])).toEqual([
      "",
      0,
      undefined,
      false,
      null,
      [],
      "",
    ]);
    expect(await session.getMany([])).toEqual([]);
    await session.set("minus", -0);
    expect(Object.is(await session.get("minus"), 0)).toBe(true);
  });

  it("replaces value and lifetime, and deletes once", async () => {
    const { session } = bench().fresh();
    await session.set("k", 1, { ttlMs: 60_000 });
    expect(await session.ttl("k")).toSatisfy((left: number) => left > 50_000 && left <= 60_000);
    await session.set("k", 2);
    expect([await session.get("k"), await session.ttl("k")]).toEqual([2, null]);
    expect([await session.delete("k"), await session.delete("k"), await session.get("k")]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect(await session.ttl("k")).toBeUndefined();
  });

  it("writes ifAbsent only where nothing is, once among many", async () => {
    const { session } = bench().fresh();
    const tries = Array.from({ length: 20 }, (_, i) => session.set("k", i, { ifAbsent: true, ttlMs: 60_000 }));
    const written = (await Promise.all(tries)).flatMap((done, i) => (done ? [i] : []));
    expect(written).toHaveLength(1);
    expect(await session.get("k")).toBe(written[0]);
    expect(await session.set("k", "new", { ifAbsent: false })).toBe(true);
    expect(await session.get("k")).toBe("new");
  });

  it("ends a life in time: what is over is in no answer", async () => {
    const { session } = bench().fresh();
    await session.set("short", 1, { ttlMs: 30 });
    await session.set("long", 1, { ttlMs: TEN_YEARS });
    expect(await session.ttl("long")).toSatisfy((left: number) => left > TEN_YEARS - 60_000 && left <= TEN_YEARS);
    await eventually(async () => expect(await session.get("short")).toBeUndefined());
    expect(await session.getMany(["short", "long"])).toEqual([undefined, 1]);
    expect(await allOf(session.keys())).toEqual(["long"]);
    expect([await session.ttl("short"), await session.delete("short")]).toEqual([undefined, false]);
    expect([await session.expire("short", 1_000), await session.expire("short", null)]).toEqual([false, false]);
    expect(await session.set("short", 2, { ifAbsent: true })).toBe(true);
    expect(await session.ttl("short")).toBeNull();
  });

  it("gives a value another lifetime", async () => {
    const { session } = bench().fresh();
    await session.set("k", 1);
    expect([await session.expire("k", 60_000), await session.ttl("k")]).toEqual([true, expect.any(Number)]);
    expect([await session.expire("k", null), await session.expire("k", null), await session.ttl("k")]).toEqual([
      true,
      true,
      null,
    ]);
    expect(await session.expire("k", 1)).toBe(true);
    await eventually(async () => expect(await session.get("k")).toBeUndefined());
  });

  it("lists keys by prefix, each once, whatever signs they have", async () => {
    const { session } = bench().fresh();
    const names = ["a", "a*b", "a?", "a[b]", "a\\b", "a^", "ab", "A", "é", "🚲1", "🚲2", "%", "_", "a:b", " "];
    await Promise.all(names.map((name) => session.set(name, name)));
    for (const prefix of ["", "a", "a*", "a?", "a[", "a\\", "a^", "é", "🚲", "%", "_", "a:", "b", " "])
      expect((await allOf(session.keys({ prefix }))).sort(), prefix).toEqual(
        names.filter((name) => name.startsWith(prefix)).sort(),
      );
    expect((await allOf(session.keys())).sort()).toEqual([...names].sort());
    await Promise.all(Array.from({ length: 1_500 }, (_, i) => session.set(`many ${i}`, i, { ttlMs: 60_000 })));
    const many = await allOf(session.keys({ prefix: "many " }));
    expect([many.length, new Set(many).size]).toEqual([1_500, 1_500]);
  });

  it("writes under a fence only with the newest token", async () => {
    const { session } = bench().fresh();
    const write = (token: number, lock = "l") => session.set("k", token, { fence: { lock, token }, ttlMs: 60_000 });
    await expect(write(1)).rejects.toMatchObject(refused("conflict")); // never given
    const first = await session.lock("l");
    expect(await session.set("k", "first", { fence: first })).toBe(true);
    expect(await session.set("k", "again", { fence: first, ifAbsent: true })).toBe(false);
    await first?.release();
    expect(await write(first?.token ?? 0)).toBe(true); // nobody was given it since
    const second = await session.lock("l");
    await expect(session.set("k", "late", { fence: first })).rejects.toMatchObject(refused("conflict"));
    await expect(write((second?.token ?? 0) + 1)).rejects.toMatchObject(refused("conflict"));
    await expect(write(second?.token ?? 0, "other")).rejects.toMatchObject(refused("conflict"));
    expect(await session.get("k")).toBe(first?.token);
    expect(await session.set("new", 1, { fence: second, ifAbsent: true })).toBe(true);
    await second?.release();
  });
}
