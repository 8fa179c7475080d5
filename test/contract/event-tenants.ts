import fc from "fast-check";
import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { events } from "./event-basics.ts";
import { allOf, expectInvalid } from "./expectations.ts";

const NAMES = ["a", "b", "a:b"];
const action = fc.record({
  who: fc.nat(2),
  stream: fc.constantFrom(...NAMES),
  act: fc.oneof(
    fc.record({ append: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ keep: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ id: fc.constantFrom("x", "y") }),
  ),
});

interface Model {
  head: number;
  kept: { version: number; data: string; id?: string }[];
}

export function tenants(bench: () => Bench): void {
  it("keeps random acts of several tenants apart", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const who = Array.from({ length: 3 }, () => ({ stores: bench().fresh(), model: new Map<string, Model>() }));
        for (const { who: index, stream, act } of actions) {
          const { stores, model } = who[index] as (typeof who)[number];
          const { event, tenant } = stores;
          const known = model.get(stream) ?? { head: 0, kept: [] };
          if ("keep" in act) {
            const removed = await event.trim(stream, act);
            expect(removed).toBe(Math.max(0, known.kept.length - act.keep));
            known.kept.splice(0, removed);
            continue;
          }
          const data = `${tenant} ${stream}`;
          if ("id" in act) {
            const before = known.kept.find(({ id }) => id === act.id);
            const answer = await event.append(stream, [{ type: "t", data, id: act.id }]);
            expect(answer.version).toBe(before ? before.version : known.head + 1);
            if (!before) known.kept.push({ version: ++known.head, data, id: act.id });
          } else {
            await event.append(stream, Array(act.append).fill({ type: "t", data }), { expectedVersion: known.head });
            for (let n = 0; n < act.append; n++) known.kept.push({ version: ++known.head, data });
          }
          model.set(stream, known);
        }
        const all = await bench().fleet.event.tenants();
        for (const { stores, model } of who) {
          const { event, tenant } = stores;
          const listed = [...model].map(([stream, { head }]) => ({ stream, version: head }));
          expect(await allOf(event.streams())).toEqual(listed.sort((a, b) => (a.stream < b.stream ? -1 : 1)));
          for (const [stream, { kept }] of model) {
            const found = await event.read(stream, { limit: 1_000 });
            expect(found.map(({ version, data, id }) => ({ version, data, ...(id !== undefined && { id }) }))).toEqual(
              kept,
            );
          }
          expect(all.find((one) => one.tenant === tenant)?.streams ?? 0).toBe(model.size);
          const sum = [...model.values()].reduce((n, { kept }) => n + kept.length, 0);
          const gone = (await bench().fleet.deleteTenant(tenant)).counts;
          expect(gone.event).toEqual({ streams: model.size, events: sum, groups: 0 });
        }
      }),
      { numRuns: 40 },
    );
  });

  it("keeps groups and those who follow apart, and deletes a tenant, once", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    const heard: string[] = [];
    const open = [a, b].map(({ event, tenant }) =>
      event.subscribe("s", { group: "g" }, ({ data }) => void heard.push(`${tenant} ${data}`)),
    );
    const subscriptions = await Promise.all(open);
    await b.event.append("s", [{ type: "t", data: 1 }]);
    await expect.poll(() => heard).toEqual([`${b.tenant} 1`]);
    await Promise.all(subscriptions.map((one) => one.close()));
    await a.event.append("s", events(3));
    const mine = async () =>
      (await bench().fleet.event.tenants()).filter(({ tenant }) => [a.tenant, b.tenant].includes(tenant));
    expect(await mine()).toEqual([
      { tenant: a.tenant, streams: 1 },
      { tenant: b.tenant, streams: 1 },
    ]);
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.event).toEqual({ streams: 1, events: 3, groups: 1 });
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.event).toEqual({ streams: 0, events: 0, groups: 0 });
    expect([await a.event.head("s"), await a.event.groups("s")]).toEqual([0, []]);
    expect([await b.event.head("s"), (await b.event.groups("s")).length]).toEqual([1, 1]);
    expect(await mine()).toEqual([{ tenant: b.tenant, streams: 1 }]);
    for (const id of ["", "A", "a:b", "*"]) await expectInvalid(bench().fleet.deleteTenant(id), id);
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "event", ok: true, detail: expect.stringMatching(/\w/) });
  });

  it("purges what is older, and nothing else", async () => {
    const { event } = bench().fresh();
    await event.append("s", events(3));
    await bench().fleet.event.purge({ olderThanMs: 400 * 86_400_000 });
    expect(await event.read("s")).toHaveLength(3);
  });
}
