import fc from "fast-check";
import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { eventually, expectInvalid } from "./expectations.ts";

const MOST = Number.MAX_SAFE_INTEGER;

export function numbers(bench: () => Bench): void {
  it("counts exactly, from 0, up and down", async () => {
    const { session } = bench().fresh();
    expect([await session.counter("c"), await session.resetCounter("c")]).toEqual([0, false]);
    expect([await session.increment("c"), await session.increment("c", 41), await session.increment("c", -50)]).toEqual(
      [1, 42, -8],
    );
    expect(await session.increment("c", 0)).toBe(-8);
    await Promise.all(Array.from({ length: 50 }, () => session.increment("c", 2)));
    expect(await session.counter("c")).toBe(92);
    expect([await session.resetCounter("c"), await session.counter("c"), await session.increment("c")]).toEqual([
      true,
      0,
      1,
    ]);
  });

  it("refuses a sum that is not exact any more, and stays as it was", async () => {
    const { session } = bench().fresh();
    expect(await session.increment("c", MOST)).toBe(MOST);
    for (const by of [1, MOST]) await expectInvalid(session.increment("c", by), `${by}`);
    expect(await session.increment("c", -MOST)).toBe(0);
    expect(await session.increment("c", -MOST)).toBe(-MOST);
    await expectInvalid(session.increment("c", -1), "below");
    expect(await session.counter("c")).toBe(-MOST);
  });

  it("ends a counter's life from its start, whatever is added", async () => {
    const { session } = bench().fresh();
    expect(await session.increment("c", 5, { ttlMs: 2_000 })).toBe(5);
    await session.increment("c", 1, { ttlMs: 60_000 });
    await eventually(async () => expect(await session.counter("c")).toBe(0));
    expect(await session.resetCounter("c")).toBe(false);
    expect(await session.increment("c", 2)).toBe(2);
  });

  it("ranks by score, then by code point, from any place on", async () => {
    const { session } = bench().fresh();
    const scores = {
      a: 1,
      B: 1,
      é: 1,
      "\uffee": 1,
      "🚲": 1,
      top: 1e308,
      low: -1e308,
      zero: -0,
      tiny: 5e-324,
      third: 1 / 3,
    };
    for (const [member, score] of Object.entries(scores)) await session.setScore("r", member, score);
    const order = ["top", "B", "a", "é", "\uffee", "🚲", "third", "tiny", "zero", "low"];
    const all = await session.ranking("r");
    expect(all).toEqual(order.map((member, i) => ({ member, score: scores[member as "a"] + 0, rank: i + 1 })));
    expect(await session.ranking("r", { offset: 2, limit: 3 })).toEqual(all.slice(2, 5));
    expect(await session.ranking("r", { offset: 10 })).toEqual([]);
    for (const one of all) expect(await session.rankOf("r", one.member)).toEqual(one);
    expect(await session.rankOf("r", "A")).toBeUndefined();
    expect([await session.removeRanked("r", "B"), await session.removeRanked("r", "B")]).toEqual([true, false]);
    expect(await session.rankOf("r", "a")).toEqual({ member: "a", score: 1, rank: 2 });
    expect(await session.ranking("none")).toEqual([]);
  });

  it("adds to scores, and refuses what is no number any more", async () => {
    const { session } = bench().fresh();
    expect(await session.addScore("r", "m", 0.1)).toBe(0.1);
    expect(await session.addScore("r", "m", 0.2)).toBe(0.1 + 0.2);
    expect(Object.is(await session.addScore("r", "m", -(0.1 + 0.2)), 0)).toBe(true);
    expect(Object.is(await session.addScore("r", "z", -0), 0)).toBe(true);
    await session.setScore("r", "m", Number.MAX_VALUE);
    await expectInvalid(session.addScore("r", "m", Number.MAX_VALUE), "infinity");
    expect(await session.rankOf("r", "m")).toEqual({ member: "m", score: Number.MAX_VALUE, rank: 1 });
    await Promise.all(Array.from({ length: 40 }, () => session.addScore("r", "p", 1)));
    expect(await session.addScore("r", "p", -40)).toBe(0);
  });

  it("keeps every score to the bit", async () => {
    const { session } = bench().fresh();
    const score = fc.double({ noNaN: true, noDefaultInfinity: true });
    await fc.assert(
      fc.asyncProperty(score, fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), async (given, member) => {
        await session.setScore("r", member, given);
        expect((await session.rankOf("r", member))?.score).toBe(given + 0);
      }),
      { numRuns: 100 },
    );
  });
}
