import { expect, it } from "vitest";
import type { Bench } from "./bench.ts";
import { eventually, expectInvalid } from "./expectations.ts";

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, n) => all + n, 0);

export function purge(bench: () => Bench): void {
  it("removes for good what ended long enough ago, and nothing that lives", async () => {
    const { session, tenant } = bench().fresh();
    const { fleet } = bench();
    for (const key of ["a", "b"]) await session.set(key, 1, { ttlMs: 1 });
    await session.append("l", [1, 2], { ttlMs: 1 });
    await session.increment("n", 1, { ttlMs: 1 });
    await session.set("later", 1, { ttlMs: 3_600_000 });
    await session.set("never", 1);
    await session.append("kept", [1]);
    await eventually(async () => expect([await session.messages("l"), await session.counter("n")]).toEqual([[], 0]));
    expect(sum(await fleet.session.purge({ olderThanMs: 3_600_000 }))).toBe(0);
    const { session: ended } = await fleet.ended({ olderThanMs: 0 });
    const { session: purged = {} } = await fleet.purge({ olderThanMs: 0 });
    // What other tests left may end in between.
    for (const [kind, n] of Object.entries(ended ?? {})) expect(purged[kind], kind).toBeGreaterThanOrEqual(n);
    expect([await session.get("a"), await session.get("later"), await session.get("never")]).toEqual([undefined, 1, 1]);
    expect(await session.messages("kept")).toHaveLength(1);
    expect((await fleet.session.tenants()).find((one) => one.tenant === tenant)?.keys).toBe(3);
    for (const olderThanMs of [-1, 0.5, Number.NaN, undefined as never]) {
      await expectInvalid(fleet.purge({ olderThanMs }), String(olderThanMs));
      await expectInvalid(fleet.session.purge({ olderThanMs }), String(olderThanMs));
    }
  });
}
