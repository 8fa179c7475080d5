import { expect, it } from "vitest";
import type { ListOptions, Run, RunStore } from "../../adapters/index.ts";
import type { Bench } from "./bench.ts";

const MiB = 1024 * 1024;

/** All pages of a list. */
async function all(run: RunStore, options: ListOptions = {}): Promise<Run[]> {
  const runs: Run[] = [];
  for (let after: string | undefined; ; ) {
    const page = await run.list({ ...options, after });
    runs.push(...page.runs);
    if (page.next === null) return runs;
    after = page.next;
  }
}

export function lists(bench: () => Bench): void {
  it("lists newest first, in pages, by status, kind and parent", async () => {
    const { run } = bench().fresh();
    await run.createMany(
      Array.from({ length: 60 }, (_, n) => ({
        id: `r${n}`,
        kind: `k${n % 3}`,
        parent: n % 4 ? `p${n % 4}` : undefined,
      })),
    );
    for (const { id, lease } of await run.claim({ worker: "w", kinds: ["k1"], limit: 10 }))
      await run.complete(id, lease.token, id);
    const numbers = Array.from({ length: 60 }, (_, n) => 59 - n);
    const names = (of: number[]) => of.map((n) => `r${n}`);
    const ids = async (options?: ListOptions) => (await all(run, options)).map(({ id }) => id);
    expect(await ids()).toEqual(names(numbers));
    for (const limit of [1, 7, 60, 1_000]) expect(await ids({ limit })).toEqual(names(numbers));
    expect((await run.list({ limit: 60 })).next).toBeNull();
    expect((await run.list({ limit: 59 })).next).not.toBeNull();
    const done = (n: number) => n % 3 === 1 && n < 30;
    for (const limit of [2, 100]) {
      expect(await ids({ limit, status: "succeeded" })).toEqual(names(numbers.filter(done)));
      expect(await ids({ limit, kind: "k1" })).toEqual(names(numbers.filter((n) => n % 3 === 1)));
      expect(await ids({ limit, parent: "p2" })).toEqual(names(numbers.filter((n) => n % 4 === 2)));
      expect(await ids({ limit, parent: "p2", kind: "k1", status: "queued" })).toEqual(
        names(numbers.filter((n) => n % 4 === 2 && n % 3 === 1 && !done(n))),
      );
    }
    expect(await ids({ status: "cancelled" })).toEqual([]);
    expect(await ids({ kind: "k" })).toEqual([]);
    const [first] = (await run.list({ status: "succeeded", limit: 1 })).runs;
    expect(first).toEqual(await run.get("r28"));
    expect(await run.counts()).toEqual([
      { kind: "k0", status: "queued", count: 20 },
      { kind: "k1", status: "queued", count: 10 },
      { kind: "k1", status: "succeeded", count: 10 },
      { kind: "k2", status: "queued", count: 20 },
    ]);
  });

  it("pages on where it was, though runs come and go", async () => {
    const { run } = bench().fresh();
    await run.createMany(Array.from({ length: 6 }, (_, n) => ({ id: `r.${n}`, kind: "k" })));
    const first = await run.list({ limit: 2 });
    await run.delete("r.4");
    await run.delete("r.3");
    await run.create({ id: "new", kind: "k" });
    const next = await run.list({ limit: 2, after: first.next ?? "" });
    expect([first, next].map(({ runs }) => runs.map(({ id }) => id))).toEqual([
      ["r.5", "r.4"],
      ["r.2", "r.1"],
    ]);
  });

  it("orders kinds by code points, and counts nothing where there is nothing", async () => {
    const { run } = bench().fresh();
    expect(await run.counts()).toEqual([]);
    expect(await run.list()).toEqual({ runs: [], next: null });
    const kinds = ["\u{1f6b2}", "￿", "z", "é", "a", "Z", "__proto__"];
    await run.createMany(kinds.map((kind) => ({ kind })));
    expect((await run.counts()).map(({ kind }) => kind)).toEqual(["Z", "__proto__", "a", "z", "é", "￿", "\u{1f6b2}"]);
  });

  it("ends a page early that would be large, and leaves none out", async () => {
    const { run } = bench().fresh();
    const state = "x".repeat(MiB - 2);
    for (let n = 0; n < 20; n++) await run.create({ id: `r${n}`, kind: "k", state });
    const page = await run.list();
    expect(page.runs.length).toBeGreaterThanOrEqual(16);
    expect(page.runs.length).toBeLessThan(19);
    expect(page.next).not.toBeNull();
    expect((await all(run)).map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `r${19 - n}`));
  });
}
