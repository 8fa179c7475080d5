import { expect, it } from "vitest";
import type { SessionStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { allOf, expectInvalid } from "./expectations.ts";

/** One of each kind, under equal names, with a value that says whose it is. */
async function fill(session: SessionStore, n: number): Promise<void> {
  await session.set("a", n);
  await session.append("a", [n]);
  await session.increment("a", n);
  await session.setScore("a", "m", n);
  await session.rateLimit("a", { limit: 9, windowMs: 60_000, cost: n });
  const lock = await session.lock("a");
  expect(lock?.lock).toBe("a");
  expect(await session.set("fenced", n, { fence: lock })).toBe(true);
}

async function seen(session: SessionStore) {
  const [message] = await session.messages("a");
  return {
    keys: (await allOf(session.keys())).sort(),
    values: await session.getMany(["a", "fenced"]),
    message: message?.value,
    counter: await session.counter("a"),
    ranking: (await session.ranking("a")).map(({ score }) => score),
    bucket: (await session.rateLimit("a", { limit: 9, windowMs: 3_600_000 })).remaining,
    locked: (await session.lock("a")) === undefined,
  };
}

const full = (n: number) => ({
  keys: ["a", "fenced"],
  values: [n, n],
  message: n,
  counter: n,
  ranking: [n],
  bucket: 8 - n,
  locked: true,
});
const empty = {
  keys: [],
  values: [undefined, undefined],
  message: undefined,
  counter: 0,
  ranking: [],
  bucket: 8,
  locked: false,
};

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const counted = async () =>
      (await bench().fleet.session.tenants()).find(({ tenant }) => tenant === large.tenant)?.keys ?? 0;
    await fill(large.session, 1);
    await fill(one.session, 2);
    await fill(other.session, 3);
    const heard: string[] = [];
    await using _large = await large.session.subscribe("c", () => void heard.push("large"));
    await using _one = await one.session.subscribe("c", () => void heard.push("one"));
    await one.session.publish("c", 1);
    await expect.poll(() => heard).toEqual(["one"]);
    expect(await allOf(one.session.keys({ prefix: "f" }))).toEqual(["fenced"]);
    expect(await seen(large.session)).toEqual(full(1));
    expect(await seen(one.session)).toEqual(full(2));
    expect(await counted()).toBe(21);
    const counts = { values: 2, lists: 1, counters: 1, buckets: 1, locks: 1, rankings: 1 };
    expect(await one.cleanUp()).toEqual({ session: counts });
    expect(await counted()).toBe(14);
    expect(Object.values((await one.cleanUp()).session ?? {})).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await seen(one.session)).toEqual(empty);
    expect(await seen(other.session)).toEqual(full(3));
    expect(await seen(large.session)).toMatchObject({ ...full(1), bucket: expect.any(Number) });
    {
      await using again = large.forRun("1.a");
      await again.session.set("more", 1);
    }
    await one.cleanUp();
    expect(await counted()).toBe(7);
  });

  it("refuses names of runs outside of them, and what is no name inside", async () => {
    const large = bench().fresh();
    const { session } = large;
    const name = "run/1/a";
    const calls = {
      set: () => session.set(name, 1),
      fence: () => session.set("a", 1, { fence: { lock: name, token: 1 } }),
      getMany: () => session.getMany(["a", name]),
      append: () => session.append(name, [1]),
      increment: () => session.increment(name),
      rateLimit: () => session.rateLimit(name, { limit: 1, windowMs: 1 }),
      lock: () => session.lock(name),
      setScore: () => session.setScore(name, "m", 1),
      publish: () => session.publish(name, 1),
      subscribe: () => session.subscribe(name, () => {}),
    };
    for (const [call, make] of Object.entries(calls)) await expectInvalid(make(), call);
    const run = large.forRun("1").session;
    for (const wrong of ["", undefined, 1, "\0", "x".repeat(512)] as string[]) {
      await expectInvalid(run.get(wrong), String(wrong));
      await expectInvalid(run.lock(wrong), String(wrong));
      await expectInvalid(run.getMany([wrong]), String(wrong));
    }
    await expectInvalid(run.getMany(undefined as never), "no list");
    await expectInvalid(run.set("a", 1, { other: 1 } as never), "an unknown option");
    for (const id of ["", "-a", "a/b", ".", "x".repeat(129), 1 as never])
      expect(() => large.forRun(id), String(id)).toThrow(/not a run's id/);
  });
}
