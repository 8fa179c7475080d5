import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { eventually } from "./expectations.ts";

export function lists(bench: () => Bench): void {
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  it("appends in order, numbers from 1, and says when", async () => {
    const { session } = bench().fresh();
    const before = Date.now();
    const turn = { role: "user", content: "Grüße 🚲", parts: [null, 1.5] };
    expect(await session.append("l", [turn, "two"])).toEqual({ seq: 2, length: 2 });
    expect(await session.append("l", [null])).toEqual({ seq: 3, length: 3 });
    const all = await session.messages("l");
    expect(all.map(({ seq, value }) => [seq, value])).toEqual([
      [1, turn],
      [2, "two"],
      [3, null],
    ]);
    for (const { at } of all) expect(Math.abs(at.getTime() - before)).toBeLessThan(60_000);
    expect(await session.messages("none")).toEqual([]);
    expect(await session.messages("none", { after: 0 })).toEqual([]);
  });

  it("reads the newest, or on from where a reader was", async () => {
    const { session } = bench().fresh();
    await session.append("l", numbers(1, 250));
    const seqs = async (options?: Parameters<typeof session.messages>[1]) =>
      (await session.messages("l", options)).map(({ seq }) => seq);
    expect(await seqs()).toEqual(numbers(151, 250));
    expect(await seqs({})).toEqual(numbers(151, 250));
    expect(await seqs({ last: 2 })).toEqual([249, 250]);
    expect(await seqs({ last: 1_000 })).toEqual(numbers(1, 250));
    expect(await seqs({ after: 0 })).toEqual(numbers(1, 100));
    expect(await seqs({ after: 100, limit: 3 })).toEqual([101, 102, 103]);
    expect(await seqs({ after: 248, limit: 1_000 })).toEqual([249, 250]);
    expect(await seqs({ after: 250 })).toEqual([]);
    expect(await seqs({ after: 9_999 })).toEqual([]);
  });

  it("reads many, in order", async () => {
    const { session } = bench().fresh();
    for (const at of numbers(0, 2)) await session.append("l", numbers(at * 1_000 + 1, at * 1_000 + 1_000));
    const values = async (options: Parameters<typeof session.messages>[1]) =>
      (await session.messages("l", options)).map(({ seq, value }) => (seq === value ? seq : -1));
    expect(await values({ last: 10_000 })).toEqual(numbers(1, 3_000));
    expect(await values({ last: 2_001 })).toEqual(numbers(1_000, 3_000));
    expect(await values({ after: 0, limit: 1_000_000 })).toEqual(numbers(1, 3_000));
    expect(await values({ after: 999, limit: 1_001 })).toEqual(numbers(1_000, 2_000));
    expect(await values({ after: 1_999, limit: 1_003 })).toEqual(numbers(2_000, 3_000));
  });

  it("trims, and never uses a number again", async () => {
    const { session } = bench().fresh();
    expect(await session.append("l", numbers(1, 10), { keep: 3 })).toEqual({ seq: 10, length: 3 });
    expect((await session.messages("l")).map(({ value }) => value)).toEqual([8, 9, 10]);
    expect((await session.messages("l", { after: 2 })).map(({ seq }) => seq)).toEqual([8, 9, 10]);
    expect(await session.append("l", [11])).toEqual({ seq: 11, length: 4 });
    expect(await session.append("l", [12], { keep: 1 })).toEqual({ seq: 12, length: 1 });
    expect(await session.append("l", [13, 14], { keep: 1 })).toEqual({ seq: 14, length: 1 });
    expect(await session.append("l", [15], { keep: 1_000_000 })).toEqual({ seq: 15, length: 2 });
    expect([await session.clearMessages("l"), await session.clearMessages("l")]).toEqual([true, false]);
    expect(await session.append("l", ["anew"])).toEqual({ seq: 1, length: 1 });
  });

  it("has one lifetime for the whole list", async () => {
    const { session } = bench().fresh();
    await session.append("l", [1, 2], { ttlMs: 60_000 });
    await session.append("l", [3]);
    await session.append("stays", [1], { ttlMs: 60_000 });
    await session.append("l", [4], { ttlMs: 20 });
    await eventually(async () => expect(await session.messages("l")).toEqual([]));
    expect(await session.messages("l", { after: 0 })).toEqual([]);
    expect(await session.clearMessages("l")).toBe(false);
    expect(await session.append("l", ["anew"])).toEqual({ seq: 1, length: 1 });
    expect((await session.messages("l")).map(({ value }) => value)).toEqual(["anew"]);
    expect(await session.messages("stays")).toHaveLength(1);
  });

  it("stands many writers: no number twice, none left out, each call's messages together", async () => {
    const { session } = bench().fresh();
    const calls = await Promise.all(numbers(1, 40).map((who) => session.append("l", [who, who, who])));
    expect(calls.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(numbers(1, 40).map((n) => n * 3));
    const all = await session.messages("l", { after: 0, limit: 1_000 });
    expect(all.map(({ seq }) => seq)).toEqual(numbers(1, 120));
    for (const at of numbers(0, 39))
      expect(new Set(all.slice(at * 3, at * 3 + 3).map(({ value }) => value)).size).toBe(1);
  });
}
