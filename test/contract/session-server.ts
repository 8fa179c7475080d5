import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Json, openFleet, openStores, StoreError } from "../../adapters/index.ts";
import { type Bench, openBench } from "./bench.ts";
import { refused } from "./expectations.ts";
import type { Server } from "./servers.ts";

const MiB = 1024 * 1024;
const HOUR = 3_600_000;

/** What the contract means on a server of Redis' kind: its limits, its databases, and keys that others wrote. */
export function sessionServer({ product, app, fleet }: Server): void {
  describe(`session on the server ${product}`, () => {
    let bench: Bench;
    let server: Redis;
    beforeAll(() => {
      bench = openBench({ name: product, app: { SESSION_URL: app }, admin: { SESSION_URL: fleet } });
      server = new Redis(fleet.replace(/\?.*/, ""), { lazyConnect: true, enableReadyCheck: false });
    });
    afterAll(async () => {
      server?.disconnect();
      await bench?.close();
    });
    const most = (n: number) => `${n}`.padEnd(8 * MiB - 2, "x");
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8]; // more together than it sends to one client

    it("is read in parts that it can send, however large the whole", async () => {
      const { session } = bench.fresh();
      const whole = (read: (Json | undefined)[]) => read.length === 9 && read.every((one, i) => one === most(i));
      for (const n of numbers) await session.set(`k${n}`, most(n));
      expect(whole(await session.getMany(numbers.map((n) => `k${n}`)))).toBe(true);
      for (const n of numbers) await session.delete(`k${n}`);
      for (const n of numbers) expect(await session.append("l", [most(n)])).toEqual({ seq: n + 1, length: n + 1 });
      for (const options of [undefined, { after: 0 }])
        expect(whole((await session.messages("l", options)).map(({ value }) => value))).toBe(true);
      expect((await session.messages("l", { last: 2 })).map(({ seq }) => seq)).toEqual([8, 9]);
      await session.clearMessages("l");
    });

    it("cuts off who asks for too much at once, with words for it, and serves on", async () => {
      const { session } = bench.fresh();
      await session.set("large", most(1));
      const asked = await Promise.allSettled(Array.from({ length: 24 }, () => session.get("large")));
      for (const one of asked) {
        if (one.status === "fulfilled") expect(one.value === most(1)).toBe(true);
        else {
          expect(one.reason).toBeInstanceOf(StoreError);
          expect(one.reason.message).toContain("ask for fewer");
        }
      }
      expect((await session.get("large")) === most(1)).toBe(true);
      await session.delete("large");
    });

    it("forgets a lock that nobody takes, a day after the longest that it can be held", async () => {
      const { tenant, session } = bench.fresh();
      const lock = await session.lock("l");
      const fence = `t:${tenant}:fence:l`;
      const left = async () => (await server.pttl(fence)) / HOUR;
      expect(await left()).toSatisfy((hours: number) => hours > 24.9 && hours <= 25);
      await server.pexpire(fence, HOUR);
      await lock?.extend();
      expect(await left()).toSatisfy((hours: number) => hours > 24.9 && hours <= 25);
      await server.unlink(fence);
      await expect(session.set("k", 1, { fence: lock })).rejects.toMatchObject(refused("conflict"));
      await lock?.release();
      expect((await session.lock("l"))?.token).toBeGreaterThan(lock?.token ?? Infinity);
    });

    it("lists tenants alone, whatever else begins like their keys", async () => {
      const others = ["t:-prepare-:value:probe", "t:Upper:value:a", "t::value:a", "t:t", "t:with space:counter:c"];
      for (const key of others) await server.set(key, "1", "PX", 60_000);
      const { tenant, session } = bench.fresh();
      await session.set("k", 1);
      const all = (await bench.fleet.session.tenants()).map((one) => one.tenant);
      expect(all).toContain(tenant);
      expect(all.filter((one) => !/^[a-z0-9][a-z0-9-]*$/.test(one))).toEqual([]);
      await server.unlink(others);
    });

    it("never takes another database for the one that was asked for", async () => {
      const other = (url: string, db: number) => ({ SESSION_URL: url.replace(/\/0(?=\?|$)/, `/${db}`) });
      for (const [url, db] of [
        [fleet, 99],
        [app, 1],
      ] as const) {
        await using stores = openStores(other(url, db));
        const { session } = stores.tenant("elsewhere");
        await expect(session.set("k", 1), `${db}`).rejects.toMatchObject(refused("invalid"));
        await expect(
          session.subscribe("c", () => {}),
          `${db}`,
        ).rejects.toMatchObject(refused("invalid"));
      }
      await using second = openStores(other(fleet, 1));
      const { tenant, session } = bench.fresh();
      await second.tenant(tenant).session.set("k", "elsewhere");
      expect(await session.get("k")).toBeUndefined();
      await using there = openFleet(other(fleet, 1));
      expect((await there.deleteTenant(tenant)).counts.session).toMatchObject({ values: 1 });
    });
  });
}
