import { expect, it } from "vitest";
import type { Json } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { eventually, refused } from "./expectations.ts";

export function together(bench: () => Bench): void {
  rates(bench);
  locks(bench);
  channels(bench);
}

function rates(bench: () => Bench): void {
  const HOUR = 3_600_000;

  it("allows exactly as many as the bucket holds, however many ask at once", async () => {
    const { session } = bench().fresh();
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => session.rateLimit("b", { limit: 25, windowMs: HOUR })),
    );
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(25);
    expect(answers.map(({ remaining }) => remaining).filter((left) => left > 0)).toHaveLength(24);
    for (const { allowed, remaining, retryAfterMs } of answers) {
      expect(remaining >= 0 && remaining < 25).toBe(true);
      expect(retryAfterMs).toSatisfy((ms: number) => (allowed ? ms === 0 : ms > 0 && ms <= HOUR / 25 + 1));
    }
    expect(await session.rateLimit("other", { limit: 1, windowMs: HOUR })).toEqual({
      allowed: true,
      remaining: 0,
      retryAfterMs: 0,
    });
  });

  it("takes several tokens or none", async () => {
    const { session } = bench().fresh();
    const take = (cost: number) => session.rateLimit("b", { limit: 10, windowMs: HOUR, cost });
    expect(await take(7)).toEqual({ allowed: true, remaining: 3, retryAfterMs: 0 });
    const refusal = await take(4);
    expect(refusal).toEqual({ allowed: false, remaining: 3, retryAfterMs: expect.any(Number) });
    expect(refusal.retryAfterMs).toSatisfy((ms: number) => ms > HOUR / 10 - 60_000 && ms <= HOUR / 10 + 1);
    expect(await take(3)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0 });
    expect(await take(10)).toMatchObject({ allowed: false, remaining: 0 });
  });

  it("fills up evenly: the caller that waits as long as it was told is let in", async () => {
    const { session } = bench().fresh();
    const take = (cost?: number) => session.rateLimit("b", { limit: 3, windowMs: 300, cost });
    expect((await take(3)).allowed).toBe(true);
    let refusals = 0;
    for (let times = 0; times < 3; times++) {
      const { allowed, retryAfterMs } = await take();
      if (allowed) continue;
      refusals++;
      expect(retryAfterMs).toBeLessThanOrEqual(101);
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs + 1));
      expect((await take()).allowed).toBe(true);
    }
    expect(refusals).toBeGreaterThan(0); // else nobody waited, and nothing was shown
    await eventually(async () => expect((await take(3)).allowed).toBe(true));
  });

  it("is full when its time is over, whatever rate comes next", async () => {
    const { session } = bench().fresh();
    expect(await session.rateLimit("b", { limit: 10, windowMs: 300, cost: 10 })).toMatchObject({ allowed: true });
    await eventually(async () =>
      expect(await session.rateLimit("b", { limit: 10, windowMs: HOUR, cost: 10 })).toMatchObject({ allowed: true }),
    );
  });

  it("keeps to the largest and smallest of rates", async () => {
    const { session } = bench().fresh();
    const most = { limit: 1_000_000, windowMs: 31_557_600_000 };
    expect(await session.rateLimit("most", { ...most, cost: 999_999 })).toMatchObject({ allowed: true, remaining: 1 });
    expect(await session.rateLimit("most", most)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await session.rateLimit("most", most)).toMatchObject({ allowed: false, remaining: 0 });
    const quick = { limit: 1_000_000, windowMs: 1 };
    for (let times = 0; times < 20; times++)
      await eventually(async () =>
        expect(await session.rateLimit("quick", { ...quick, cost: 1_000_000 })).toMatchObject({ allowed: true }),
      );
  });
}

function locks(bench: () => Bench): void {
  it("has one holder, and gives each a greater token", async () => {
    const { session } = bench().fresh();
    const first = await session.lock("l");
    expect(first).toMatchObject({ lock: "l", token: expect.any(Number) });
    expect(await session.lock("l")).toBeUndefined();
    expect([await first?.extend(), await first?.release(), await first?.release()]).toEqual([true, true, true]);
    expect(await first?.extend()).toBe(false);
    expect(first?.signal.aborted).toBe(false); // given back is not lost
    const tokens = [first?.token ?? 0];
    for (let times = 0; times < 3; times++) {
      await using lock = await session.lock("l");
      tokens.push(lock?.token ?? 0);
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    expect((await session.lock("other"))?.token).toBeGreaterThan(0);
  });

  it("gives a greater token, and takes no older one, when the lock was forgotten", async () => {
    const { session, tenant } = bench().fresh();
    const before = await session.lock("l");
    await session.set("k", "before", { fence: before });
    await bench().fleet.deleteTenant(tenant); // as time does, some day
    const late = () => session.set("k", "late", { fence: before });
    await expect(late()).rejects.toMatchObject(refused("conflict"));
    expect(await before?.extend()).toBe(false);
    const next = await session.lock("l");
    expect(next?.token).toBeGreaterThan(before?.token ?? Infinity);
    expect(Number.isSafeInteger(next?.token)).toBe(true);
    await expect(late()).rejects.toMatchObject(refused("conflict"));
    expect(await session.set("k", "next", { fence: next })).toBe(true);
    expect(await session.get("k")).toBe("next");
  });

  it("lets those who wait in one after the other", async () => {
    const { session } = bench().fresh();
    let inside = 0;
    const tokens = await Promise.all(
      Array.from({ length: 12 }, async () => {
        await using lock = await session.lock("l", { waitMs: 20_000 });
        expect(++inside).toBe(1);
        await session.increment("inside");
        inside--;
        return lock?.token ?? 0;
      }),
    );
    expect(new Set(tokens).size).toBe(12);
    const held = await session.lock("l");
    const started = performance.now();
    expect(await session.lock("l", { waitMs: 50 })).toBeUndefined();
    expect(performance.now() - started).toBeGreaterThanOrEqual(49);
    await held?.release();
  });

  it("outlives its time while it is extended by itself", async () => {
    const { session } = bench().fresh();
    const kept = await session.lock("kept", { ttlMs: 2_500 }); // a busy machine may be late by a second
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await session.lock("kept")).toBeUndefined();
    expect(kept?.signal.aborted).toBe(false);
    expect(await kept?.release()).toBe(true);
  });

  it("is lost when it is not extended, and its holder is told", async () => {
    const { session } = bench().fresh();
    const lost = await session.lock("l", { ttlMs: 100, autoExtend: false });
    const next = await session.lock("l", { waitMs: 10_000 });
    expect(next?.token).toBeGreaterThan(lost?.token ?? Infinity);
    await eventually(async () => expect(lost?.signal.aborted).toBe(true));
    expect(lost?.signal.reason).toMatchObject(refused("conflict"));
    expect([await lost?.extend(), await lost?.release()]).toEqual([false, false]);
    await expect(session.set("k", 1, { fence: lost })).rejects.toMatchObject(refused("conflict"));
    expect(await next?.release()).toBe(true);
  });
}

function channels(bench: () => Bench): void {
  it("brings messages to everyone who listens, in order, and only while", async () => {
    const { session } = bench().fresh();
    const [one, two, other]: Json[][] = [[], [], []];
    await session.publish("c", "before");
    const first = await session.subscribe("c", (message) => void one?.push(message));
    const second = await session.subscribe("c", async (message) => {
      await new Promise((resolve) => setImmediate(resolve));
      two?.push(message);
    });
    const third = await session.subscribe("d", (message) => void other?.push(message));
    const sent = Array.from({ length: 30 }, (_, i) => ({ i, text: "Grüße 🚲" }));
    for (const message of sent) await session.publish("c", message);
    await eventually(async () => expect([one, two]).toEqual([sent, sent]));
    await first.close();
    await session.publish("c", "after");
    await eventually(async () => expect(two).toHaveLength(31));
    expect([one?.length, other]).toEqual([30, []]);
    await Promise.all([first.close(), second.close(), third.close()]);
    const again: Json[] = [];
    await using _ = await session.subscribe("c", (message) => void again.push(message));
    await session.publish("c", "again");
    await eventually(async () => expect(again).toEqual(["again"]));
    expect(two).toHaveLength(31);
  });

  it("ends with an error of the receiver, which is passed on", async () => {
    const { session } = bench().fresh();
    const failures: unknown[] = [];
    const seen: Json[] = [];
    await session.subscribe(
      "c",
      (message) => {
        seen.push(message);
        if (message === 2) throw new Error("the receiver broke");
      },
      (error) => failures.push(error),
    );
    const control: Json[] = [];
    await using _ = await session.subscribe("c", (message) => void control.push(message));
    for (const message of [1, 2, 3, 4]) await session.publish("c", message);
    await eventually(async () => expect(control).toEqual([1, 2, 3, 4]));
    expect([seen, failures]).toEqual([[1, 2], [new Error("the receiver broke")]]);
  });

  it("is heard through another connection", async () => {
    const { session, tenant } = bench().fresh();
    const { openStores } = await import("../../adapters/index.ts");
    await using others = openStores(bench().under.app);
    const heard: Json[] = [];
    const subscription = await others.tenant(tenant).session.subscribe("c", (message) => void heard.push(message));
    await session.publish("c", "hello");
    await eventually(async () => expect(heard).toEqual(["hello"]));
    await subscription.close();
  });
}
