import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Run } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";
import { expectInvalid } from "./expectations.ts";

const worker = "w";
const small = fc.integer({ min: 0, max: 4 });
const step = fc.record({
  who: fc.nat(2),
  do: fc.constantFrom(
    ..."create create claim claim complete fail release checkpoint cancel update delete again tenant".split(" "),
  ),
  id: small.map((n) => `r${n}`),
  kind: fc.constantFrom("a", "b"),
  n: small,
});

/** What a tenant should hold of one run. `order`: since when it is due, counted. */
type Kept = Pick<Run, "id" | "kind" | "status" | "state" | "version" | "attempt" | "priority" | "maxAttempts"> & {
  order: number;
  token: number;
};

export function tenants(bench: () => Bench): void {
  it("shows each tenant its own, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const who = [bench().fresh(), bench().fresh(), bench().fresh()].map(({ tenant, run }) => ({
          tenant,
          run,
          model: new Map<string, Kept>(),
        }));
        let clock = 0;
        for (const { id, kind, n, ...one } of steps) {
          await sleep(2); // an engine's clock may tick in milliseconds, and age is the order
          const { tenant, run, model } = who[one.who] as (typeof who)[number];
          const kept = model.get(id);
          const change = (more: Partial<Kept>) => {
            if (kept) Object.assign(kept, more, { version: kept.version + 1 });
          };
          const held = kept?.status === "running";
          if (one.do === "create") {
            const { created } = await run.create({ id, kind, state: n, priority: n % 3, maxAttempts: 2 });
            expect(created).toBe(!kept);
            if (!kept)
              model.set(id, {
                ...{ id, kind, status: "queued", state: n, version: 1, attempt: 0, priority: n % 3, maxAttempts: 2 },
                ...{ order: ++clock, token: 0 },
              });
          } else if (one.do === "claim") {
            const kinds = n === 0 ? undefined : [kind];
            const due = [...model.values()]
              .filter(({ status, kind: of }) => status === "queued" && (!kinds || of === kind))
              .sort((a, b) => b.priority - a.priority || a.order - b.order)
              .slice(0, n + 1);
            const claimed = await run.claim({ worker, kinds, limit: n + 1 });
            expect(claimed.map((found) => found.id)).toEqual(due.map((found) => found.id));
            for (const [i, found] of due.entries())
              Object.assign(found, {
                ...{ status: "running", attempt: found.attempt + 1, version: found.version + 1 },
                token: claimed[i]?.lease.token,
              });
          } else if (one.do === "complete" && held) {
            await run.complete(id, kept.token, n);
            change({ status: "succeeded" });
          } else if (one.do === "fail" && held) {
            expect(await run.fail(id, kept.token, "e", { retryAfterMs: 0 })).toBe(
              kept.attempt < 2 ? "queued" : "failed",
            );
            change({ status: kept.attempt < 2 ? "queued" : "failed", order: ++clock });
          } else if (one.do === "release" && held) {
            await run.release(id, kept.token);
            change({ status: "queued", attempt: kept.attempt - 1 });
          } else if (one.do === "checkpoint" && held) {
            await run.checkpoint(id, kept.token, n);
            change({ state: n });
          } else if (one.do === "cancel") {
            const open = kept?.status === "queued" || held;
            expect(await run.cancel(id)).toBe(open);
            if (open) change({ status: "cancelled" });
          } else if (one.do === "update" && kept) {
            await run.update(id, { priority: n, state: n }, { expectedVersion: kept.version });
            change({ priority: n, state: n });
          } else if (one.do === "delete") {
            expect(await run.delete(id)).toBe(model.delete(id));
          } else if (one.do === "again" && kept && !held && kept.status !== "queued") {
            await run.update(id, { status: "queued" }, { expectedVersion: kept.version });
            change({ status: "queued", attempt: 0 });
          } else if (one.do === "tenant") {
            expect((await bench().fleet.deleteTenant(tenant)).counts.run).toEqual({ runs: model.size });
            model.clear();
          }
        }
        const sizes = await bench().fleet.run.tenants();
        for (const { tenant, run, model } of who) {
          const { runs } = await run.list({ limit: 1_000 });
          const found = runs.map(({ id, kind, status, state, version, attempt, priority, maxAttempts }) => ({
            ...{ id, kind, status, state, version, attempt, priority, maxAttempts },
          }));
          const expected = [...model.values()].map(({ order: _, token: __, ...rest }) => rest);
          const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1);
          expect(found.sort(byId)).toEqual(expected.sort(byId));
          const counted = (await run.counts()).reduce((sum, { count }) => sum + count, 0);
          expect([counted, sizes.find((one) => one.tenant === tenant)?.runs ?? 0]).toEqual([model.size, model.size]);
          await bench().fleet.deleteTenant(tenant);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("deletes a tenant, once, and no other", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    for (const { run } of [a, b])
      await run.createMany([
        { id: "1", kind: "k" },
        { id: "2", kind: "k" },
      ]);
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.run).toEqual({ runs: 2 });
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.run).toEqual({ runs: 0 });
    expect([await a.run.get("1"), (await b.run.get("1"))?.id]).toEqual([undefined, "1"]);
    expect(await a.run.claim({ worker })).toEqual([]);
    for (const id of ["", "A", "a:b", "*"]) await expectInvalid(bench().fleet.deleteTenant(id), id);
  });

  it("lets tenants take turns in a claim across them, and a holder act in its tenant", async () => {
    const [many, few, other] = [bench().fresh(), bench().fresh(), bench().fresh()];
    const kind = many.tenant; // of no other test
    await many.run.createMany(Array.from({ length: 300 }, () => ({ kind, priority: 9 })));
    await few.run.createMany(Array.from({ length: 3 }, (_, n) => ({ id: `${n}`, kind })));
    await other.run.create({ id: "alone", kind });
    const { fleet } = bench();
    const claimed: string[] = [];
    for (let n = 0; n < 9; n++) {
      const [one, ...more] = await fleet.run.claim({ worker, kinds: [kind] });
      expect(more).toEqual([]);
      claimed.push(one?.tenant ?? "");
      const { run } = [many, few, other].find(({ tenant }) => tenant === one?.tenant) ?? many;
      if (n % 2) await run.complete(one?.id ?? "", one?.lease.token ?? 0);
    }
    // In nine turns of three tenants, of which one had one run: each of those of the small ones.
    const count = (of: string) => claimed.filter((tenant) => tenant === of).length;
    expect([count(few.tenant), count(other.tenant), count(many.tenant)]).toEqual([3, 1, 5]);
    await few.run.createMany([{ kind }, { kind }, { kind }]);
    const together = await fleet.run.claim({ worker, kinds: [kind, "none"], limit: 8 });
    const shares = Map.groupBy(together, ({ tenant }) => tenant);
    expect([shares.get(few.tenant)?.length, (shares.get(many.tenant)?.length ?? 0) >= 3]).toEqual([3, true]);
    for (const one of together) expect(one).toMatchObject({ status: "running", lease: { worker } });
  });

  it("purges what finished long ago, and nothing else", async () => {
    const { run, tenant } = bench().fresh();
    await run.createMany(["done", "failed", "cancelled", "queued", "running"].map((id) => ({ id, kind: tenant })));
    for (const { id, lease } of await run.claim({ worker, limit: 5 })) {
      if (id === "done") await run.complete(id, lease.token);
      if (id === "failed") await run.fail(id, lease.token, "e", { retry: false });
      if (id === "queued") await run.release(id, lease.token);
    }
    await run.cancel("cancelled");
    await bench().fleet.run.purge({ olderThanMs: 3_600_000 });
    expect((await run.list()).runs).toHaveLength(5);
    const left = async () => (await run.list()).runs.map(({ id }) => id).sort();
    await expect
      .poll(async () => [(await bench().fleet.run.purge({ olderThanMs: 0 })).runs, await left()][1], {
        timeout: 20_000,
      })
      .toEqual(["queued", "running"]);
    for (const bad of [undefined, {}, { olderThanMs: -1 }, { olderThanMs: 1.5 }, { olderThanMs: 1, days: 1 }])
      await expectInvalid(
        Promise.resolve().then(() => bench().fleet.run.purge(bad as never)),
        JSON.stringify(bad),
      );
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "run", ok: true, detail: expect.stringMatching(/\w/) });
    const { run } = bench().fresh();
    for (const [name, can] of Object.entries(run.can)) expect(run.why[name as "durable"] === undefined, name).toBe(can);
  });
}
