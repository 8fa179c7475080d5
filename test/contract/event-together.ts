import { expect, it } from "vitest";
import { openStores, type StoreError } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { events, versionsOf } from "./event-basics.ts";
import { eventually } from "./expectations.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

export function together(bench: () => Bench): void {
  it("lets a follower miss nothing, however many append at once", async () => {
    const { event, tenant } = bench().fresh();
    await using others = openStores(bench().under.app);
    const writers = [event, others.tenant(tenant).event, event, others.tenant(tenant).event];
    const [APPENDS, EACH] = [25, 3];
    const total = writers.length * APPENDS * EACH;
    const followed: number[] = [];
    const polled: number[] = [];
    const grouped: number[] = [];
    const end = new AbortController();
    const following = (async () => {
      for await (const { version } of event.follow("s", { signal: end.signal }))
        if (followed.push(version) === total) return;
    })();
    const polling = (async () => {
      for (let last = 0; polled.length < total; last = polled.at(-1) ?? 0)
        polled.push(...versionsOf(await event.read("s", { after: last, limit: 7 })));
    })();
    const subscriptions = await Promise.all(
      [1, 2].map(() => event.subscribe("s", { group: "g", batch: 5 }, ({ version }) => void grouped.push(version))),
    );
    const acknowledged = await Promise.all(
      writers.map(async (writer) => {
        const own: number[] = [];
        for (let n = 0; n < APPENDS; n++) own.push((await writer.append("s", events(EACH))).version);
        return own;
      }),
    );
    await Promise.all([following, polling]);
    expect(followed).toEqual(upTo(total));
    expect(polled).toEqual(upTo(total));
    await eventually(async () => expect(grouped.sort((a, b) => a - b)).toEqual(upTo(total)));
    expect(acknowledged.flat().sort((a, b) => a - b)).toEqual(upTo(total / EACH).map((n) => n * EACH));
    await Promise.all(subscriptions.map((one) => one.close()));
  });

  it("lets exactly one of several appends at the same version through", async () => {
    const { event } = bench().fresh();
    let version = 0;
    for (let round = 0; round < 8; round++) {
      const all = await Promise.allSettled(
        Array.from({ length: 5 }, () => event.append("s", events(2), { expectedVersion: version })),
      );
      const done = all.filter((one) => one.status === "fulfilled");
      expect(done.map(({ value }) => value.version)).toEqual([version + 2]);
      for (const one of all)
        if (one.status === "rejected") expect((one.reason as StoreError).code, String(one.reason)).toBe("conflict");
      version += 2;
    }
  });

  it("writes once what several append under the same ids", async () => {
    const { event } = bench().fresh();
    const batch = events(3).map((one, n) => ({ ...one, id: `id-${n}` }));
    const all = await Promise.all(Array.from({ length: 6 }, () => event.append("s", batch)));
    expect(all).toEqual(Array(6).fill({ version: 3 }));
    expect(await event.head("s")).toBe(3);
  });

  it("trims while others append and read", async () => {
    const { event } = bench().fresh();
    const seen: number[] = [];
    await using _ = await event.subscribe(
      "s",
      { group: "g" },
      ({ version }, { missed }) => void seen.push(version, missed),
    );
    for (let n = 0; n < 20; n++) await Promise.all([event.append("s", events(5)), event.trim("s", { keep: 3 })]);
    await eventually(async () => {
      const [group] = await event.groups("s");
      expect(group).toMatchObject({ pending: 0, behind: 0 });
    });
    await event.append("s", events(1));
    await eventually(async () => expect(seen.at(-2)).toBe(101));
    const handled = seen.filter((_, i) => i % 2 === 0);
    const missed = seen.filter((_, i) => i % 2 === 1).reduce((sum, n) => sum + n, 0);
    expect(handled.length + missed).toBe(101);
    expect(new Set(handled).size).toBe(handled.length);
  });
}
