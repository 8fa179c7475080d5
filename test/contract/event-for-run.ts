import { expect, it } from "vitest";
import type { EventStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { events } from "./event-basics.ts";
import { allOf, eventually, expectInvalid } from "./expectations.ts";

const names = async (event: EventStore, prefix = "") =>
  (await allOf(event.streams({ prefix }))).map(({ stream, version }) => `${stream} ${version}`);

export function forRun(bench: () => Bench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.event.tenants()).find(({ tenant }) => tenant === large.tenant)?.streams ?? 0;
    const heard: string[] = [];
    const subscribe = (event: EventStore, who: string) =>
      event.subscribe("s", { group: "g" }, ({ stream, data }) => void heard.push(`${who}: ${stream} ${data}`));
    await using _large = await subscribe(large.event, "large");
    await using mine = await subscribe(one.event, "one");
    mine.ended.catch(() => {});
    await large.event.append("s", [{ type: "t", data: "large" }]);
    await one.event.append("s", [{ type: "t", data: "one", id: "i" }]);
    expect(await one.event.append("s", [{ type: "t", data: "one", id: "i" }])).toEqual({ version: 1 });
    await other.event.append("s", events(3));
    await one.event.append("sz", events(2));
    await eventually(async () => expect(heard.sort()).toEqual(["large: s large", "one: s one"]));

    expect(await large.event.read("s")).toMatchObject([{ stream: "s", version: 1, data: "large" }]);
    expect(await one.event.read("s")).toMatchObject([{ stream: "s", version: 1, data: "one" }]);
    expect([await one.event.head("s"), await other.event.head("s"), await large.event.head("sz")]).toEqual([1, 3, 0]);
    expect([await names(large.event), await names(large.event, "r")]).toEqual([["s 1"], []]);
    expect([await names(one.event), await names(one.event, "sz")]).toEqual([["s 1", "sz 2"], ["sz 2"]]);
    expect(await names(other.event)).toEqual(["s 3"]);
    expect((await one.event.groups("s")).map(({ group }) => group)).toEqual(["g"]);
    expect(await other.event.groups("s")).toEqual([]);
    for await (const { stream, data } of one.event.follow("s")) {
      expect([stream, data]).toEqual(["s", "one"]);
      break;
    }
    await expect(one.event.append("s", events(1), { expectedVersion: 7 })).rejects.toThrow(/"s"/);
    expect(await other.event.trim("s", { keep: 1 })).toBe(2);

    await one.event.subscribe("without events", { group: "g" }, () => {}).then((it) => it.close());
    expect(await held()).toBe(4);
    await mine.close();
    expect(await one.cleanUp()).toEqual({ event: { streams: 2, events: 3, groups: 2 } });
    expect(await one.cleanUp()).toEqual({ event: { streams: 0, events: 0, groups: 0 } });
    expect([await held(), await names(one.event), await one.event.groups("without events")]).toEqual([2, [], []]);
    expect([await names(large.event), await names(other.event)]).toEqual([["s 1"], ["s 3"]]);
    expect(await one.event.append("s", [{ type: "t", data: "anew", id: "i" }])).toEqual({ version: 1 });
  });

  it("ends whoever receives from a run that is cleaned up", async () => {
    const one = bench().fresh().forRun("1");
    await one.event.append("s", events(1));
    await using subscription = await one.event.subscribe("s", { group: "g" }, () => {});
    await one.cleanUp();
    await one.event.append("s", events(1)); // what it waits for
    await expect(subscription.ended).rejects.toMatchObject({ name: "StoreError" });
  });

  it("lists the tenant's own beside many of its runs, and cleans up more than a page", async () => {
    const large = bench().fresh();
    const one = large.forRun("1");
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => one.event.append(`s${i}`, events(1))));
    for (const stream of ["a", "ru", "run", "run0", "z"]) await large.event.append(stream, events(1));
    expect(await names(large.event)).toEqual(["a 1", "ru 1", "run 1", "run0 1", "z 1"]);
    expect(await names(large.event, "run")).toEqual(["run 1", "run0 1"]);
    expect(await names(one.event)).toHaveLength(1_100);
    expect(await one.cleanUp()).toEqual({ event: { streams: 1_100, events: 1_100, groups: 0 } });
    expect(await names(large.event)).toHaveLength(5);
  });

  it("refuses streams of runs outside of them, and what is no name inside", async () => {
    const large = bench().fresh();
    const { event } = large;
    const name = "run/1/s";
    await expectInvalid(event.append(name, events(1)), "append");
    await expectInvalid(event.read(name), "read");
    await expectInvalid(event.head(name), "head");
    await expectInvalid(event.trim(name, { keep: 0 }), "trim");
    await expectInvalid(event.groups(name), "groups");
    await expectInvalid(
      event.subscribe(name, { group: "g" }, () => {}),
      "subscribe",
    );
    await expectInvalid(allOf(event.follow(name)), "follow");
    const one = large.forRun("1").event;
    for (const wrong of ["", undefined, 1, "x".repeat(507)] as string[]) {
      await expectInvalid(one.append(wrong, events(1)), String(wrong));
      await expectInvalid(one.read(wrong), String(wrong));
    }
    expect(await names(event)).toEqual([]);
  });
}
