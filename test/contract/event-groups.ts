import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type Delivery, openStores, type StoredEvent } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { events } from "./event-basics.ts";
import { eventually, refused } from "./expectations.ts";

/** What a consumer saw: versions, how often, and what was missed before. */
class Log {
  readonly seen: [version: number, count: number, missed: number][] = [];
  readonly handle = ({ version }: StoredEvent, { count, missed }: Delivery): void => {
    this.seen.push([version, count, missed]);
  };
  versions = () => this.seen.map(([version]) => version);
}
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);

export function groups(bench: () => Bench): void {
  it("gives each group every event once, in order, and what comes later", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(25));
    const [a, b, now, behind] = [new Log(), new Log(), new Log(), new Log()];
    await using _a = await event.subscribe("s", { group: "a" }, a.handle);
    await using _b = await event.subscribe("s", { group: "b", batch: 1 }, b.handle);
    await using _n = await event.subscribe("s", { group: "now", from: "now" }, now.handle);
    await using _v = await event.subscribe("s", { group: "behind", from: 20 }, behind.handle);
    await event.append("s", events(5, 26));
    await eventually(async () => {
      expect([a.versions(), b.versions()]).toEqual([upTo(30), upTo(30)]);
      expect([now.versions(), behind.versions()]).toEqual([upTo(5, 26), upTo(10, 21)]);
    });
    expect(a.seen.every(([, count, missed]) => count === 1 && missed === 0)).toBe(true);
    await eventually(async () =>
      expect(await event.groups("s")).toEqual(
        ["a", "b", "behind", "now"].map((group) => ({ group, version: 30, pending: 0, behind: 0 })),
      ),
    );
  });

  it("goes on where the group was, wherever it is told to begin", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(3));
    const [first, second] = [new Log(), new Log()];
    const one = await event.subscribe("s", { group: "g" }, first.handle);
    await eventually(async () => expect(first.versions()).toEqual(upTo(3)));
    await one.close();
    await one.close();
    await one.ended;
    await event.append("s", events(3, 4));
    await using _ = await event.subscribe("s", { group: "g", from: "now" }, second.handle);
    await eventually(async () => expect(second.versions()).toEqual(upTo(3, 4)));
  });

  it("waits for a stream that is not there yet", async () => {
    const { event } = bench().fresh();
    const log = new Log();
    await using _ = await event.subscribe("s", { group: "g", from: "now" }, log.handle);
    expect(await event.groups("s")).toEqual([{ group: "g", version: 0, pending: 0, behind: 0 }]);
    expect(await event.head("s")).toBe(0);
    await event.append("s", events(2), { expectedVersion: 0 });
    await eventually(async () => expect(log.versions()).toEqual([1, 2]));
  });

  it("shares a group's events among its consumers, each to one", async () => {
    const { event } = bench().fresh();
    const logs = Array.from({ length: 4 }, () => new Log());
    const open = logs.map((log) =>
      event.subscribe("s", { group: "g", batch: 3 }, async (one, delivery) => {
        await sleep(1);
        log.handle(one, delivery);
      }),
    );
    const subscriptions = await Promise.all(open);
    for (let n = 0; n < 10; n++) await event.append("s", events(10));
    await eventually(async () =>
      expect(logs.flatMap((log) => log.versions()).sort((a, b) => a - b)).toEqual(upTo(100)),
    );
    for (const log of logs) expect(log.versions()).toEqual(log.versions().sort((a, b) => a - b));
    expect(logs.filter((log) => log.seen.length > 0).length).toBeGreaterThan(1);
    await Promise.all(subscriptions.map((one) => one.close()));
  });

  it("hands out again what a handler refused, later each time, and goes on meanwhile", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(4));
    const log = new Log();
    const at: number[] = [];
    await using _ = await event.subscribe("s", { group: "g" }, (one, delivery) => {
      log.handle(one, delivery);
      if (one.version !== 2) return;
      at.push(performance.now());
      if (delivery.count < 3) throw new Error("not yet");
    });
    await eventually(async () => expect(log.versions()).toEqual([1, 2, 3, 4, 2, 2]));
    expect(log.seen.slice(4)).toEqual([
      [2, 2, 0],
      [2, 3, 0],
    ]);
    const [one = 0, two = 0, three = 0] = at;
    expect(two - one).toBeGreaterThanOrEqual(95);
    expect(three - two).toBeGreaterThanOrEqual(195);
    await eventually(async () => expect((await event.groups("s"))[0]?.pending).toBe(0));
  });

  it("hands to another what a consumer does not acknowledge in time, and hears a late one no more", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(2));
    const [slow, quick] = [new Log(), new Log()];
    let release = () => {};
    const stuck = new Promise<void>((resolve) => (release = resolve));
    const one = await event.subscribe("s", { group: "g", ackMs: 300, batch: 1 }, async (given, delivery) => {
      slow.handle(given, delivery);
      await stuck;
    });
    await eventually(async () => expect(slow.versions()).toEqual([1]));
    await using _ = await event.subscribe("s", { group: "g", ackMs: 300 }, quick.handle);
    await eventually(async () =>
      expect(quick.seen).toEqual([
        [2, 1, 0],
        [1, 2, 0],
      ]),
    );
    release();
    await one.close();
    await eventually(async () =>
      expect(await event.groups("s")).toEqual([{ group: "g", version: 2, pending: 0, behind: 0 }]),
    );
  });

  it("hands at once to a consumer that comes back what it had, and gives back what was not begun", async () => {
    const { event, tenant } = bench().fresh();
    await event.append("s", events(6));
    const [first, second, other] = [new Log(), new Log(), new Log()];
    let release = () => {};
    const stuck = new Promise<void>((resolve) => (release = resolve));
    const one = await event.subscribe("s", { group: "g", consumer: "c", batch: 4 }, async (given, delivery) => {
      first.handle(given, delivery);
      await stuck;
    });
    await eventually(async () => expect(first.versions()).toEqual([1]));
    // As if its process had died.
    const two = await event.subscribe("s", { group: "g", consumer: "c", batch: 2 }, second.handle);
    await eventually(async () => expect(second.seen.slice(0, 4)).toEqual([1, 2, 3, 4].map((n) => [n, 2, 0])));
    await eventually(async () => expect(second.seen).toHaveLength(6));
    await two.close();
    release();
    await one.close();

    await event.append("s", events(3, 7));
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const closing = await event.subscribe("s", { group: "g", batch: 3 }, async () => gate);
    await eventually(async () => expect((await event.groups("s"))[0]?.pending).toBe(3));
    const closed = closing.close();
    go();
    await closed;
    await using _ = await bench().stores.tenant(tenant).event.subscribe("s", { group: "g" }, other.handle);
    await eventually(async () =>
      expect(other.seen.slice(-2)).toEqual([
        [8, 1, 0],
        [9, 1, 0],
      ]),
    );
  });

  it("ends with its signal", async () => {
    const { event } = bench().fresh();
    const end = new AbortController();
    const log = new Log();
    const one = await event.subscribe("s", { group: "g", signal: end.signal }, log.handle);
    end.abort();
    await one.ended;
    await event.append("s", events(1));
    await sleep(30);
    expect(log.seen).toEqual([]);
    await (await event.subscribe("s", { group: "g", signal: AbortSignal.abort() }, log.handle)).ended;
    expect(log.seen).toEqual([]);
  });

  it("goes on at what is left when its place was trimmed away, and says how many it missed", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(10));
    const log = new Log();
    let fails = true;
    const one = await event.subscribe("s", { group: "g", batch: 2 }, (given, delivery) => {
      log.handle(given, delivery);
      if (given.version === 2 && fails) throw new Error("not yet");
      if (given.version === 3) throw new Error("never");
    });
    await eventually(async () => expect(log.versions()).toContain(10));
    fails = false;
    await one.close();
    log.seen.length = 0;
    await event.append("s", events(10, 11));
    await event.trim("s", { keep: 3 }); // 2 and 3 may be pending, 11 to 17 were never handed out
    const pending = (await event.groups("s"))[0]?.pending ?? 0;
    const two = await event.subscribe("s", { group: "g" }, log.handle);
    await eventually(async () => expect(log.versions()).toEqual([18, 19, 20]));
    // What failed comes when its time is over; by then it is told with a later event.
    expect(log.seen[0]?.[2]).toBeGreaterThanOrEqual(7);
    await eventually(async () => expect((await event.groups("s"))[0]?.pending).toBe(0));
    await event.append("s", events(1));
    await eventually(async () => expect(log.versions()).toEqual([18, 19, 20, 21]));
    expect(log.seen.reduce((sum, [, , missed]) => sum + missed, 0)).toBe(7 + pending);
    await two.close();

    await event.append("s", events(5));
    await event.trim("s", { keep: 0 });
    await using _ = await event.subscribe("s", { group: "g" }, log.handle);
    await eventually(async () => expect((await event.groups("s"))[0]?.behind).toBe(0));
    await event.append("s", events(1));
    await eventually(async () => expect(log.seen.at(-1)).toEqual([27, 1, 5]));
  });

  it("says so when the group is removed under it", async () => {
    const { event, tenant } = bench().fresh();
    const log = new Log();
    const one = await event.subscribe("s", { group: "g" }, log.handle);
    const ended = expect(one.ended).rejects.toMatchObject(refused("conflict"));
    await bench().fleet.deleteTenant(tenant);
    await event.append("s", events(1));
    await ended;
    await one.close();
  });

  it("is closed with the stores that it was opened by", async () => {
    const { event, tenant } = bench().fresh();
    await event.append("s", events(3));
    const log = new Log();
    const others = openStores(bench().under.app);
    const one = await others.tenant(tenant).event.subscribe("s", { group: "g" }, async (given, delivery) => {
      await sleep(20);
      log.handle(given, delivery);
    });
    await eventually(async () => expect(log.seen.length).toBeGreaterThan(0));
    await others.close();
    await one.ended;
    const [group] = await event.groups("s");
    const at = log.versions().length;
    const rest = new Log();
    await using _ = await event.subscribe("s", { group: "g" }, rest.handle);
    await eventually(async () => expect(rest.versions()).toEqual(upTo(3 - at, at + 1)));
    expect(group?.pending).toBe(3 - at);
  });

  it("reaches followers through other clients", async () => {
    const { event, tenant } = bench().fresh();
    if (!event.can.shared) return;
    await using others = openStores(bench().under.app);
    const other = others.tenant(tenant).event;
    const log = new Log();
    await using _ = await other.subscribe("s", { group: "g" }, log.handle);
    for (let n = 1; n <= 3; n++) {
      await event.append("s", events(1));
      await eventually(async () => expect(log.versions()).toEqual(upTo(n)));
    }
  });
}
