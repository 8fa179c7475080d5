import fc from "fast-check";
import { expect, it } from "vitest";
import type { Filter } from "../../adapters/vector/filter.ts";
import type { Bench } from "./bench.ts";
import { chunk, cosine } from "./vector-fixture.ts";

type Kept = { document: string; vector: number[]; n: number };
type Model = Map<string, Kept>;

const small = fc.integer({ min: 0, max: 5 });
const step = fc.oneof(
  fc.record({
    do: fc.constant("upsert" as const),
    who: fc.nat(2),
    chunks: fc.array(
      fc.record({
        id: small,
        document: small,
        vector: fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 4, maxLength: 4 }),
        n: small,
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ do: fc.constant("delete" as const), who: fc.nat(2), document: small }),
  fc.record({ do: fc.constant("tenant" as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant("query" as const), who: fc.nat(2), n: fc.option(small, { nil: undefined }) }),
);

export function tenants(bench: () => Bench): void {
  it("shows each tenant its own, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const who = [bench().fresh(), bench().fresh(), bench().fresh()];
        const models: Model[] = who.map(() => new Map());
        for (const one of steps) {
          const { tenant, vector } = who[one.who] as (typeof who)[number];
          const model = models[one.who] as Model;
          if (one.do === "upsert") {
            for (const { id, document, ...rest } of one.chunks)
              model.set(`c${id}`, { document: `d${document}`, ...rest });
            await vector.upsert(
              one.chunks.map(({ id, document, n, vector }) =>
                chunk(`c${id}`, vector, { document: `d${document}`, metadata: { n } }),
              ),
            );
          } else if (one.do === "delete") {
            const gone = [...model].filter(([, kept]) => kept.document === `d${one.document}`);
            for (const [id] of gone) model.delete(id);
            expect(await vector.deleteByDocument(`d${one.document}`)).toEqual({ deleted: gone.length });
          } else if (one.do === "tenant") {
            const { vector: counts } = (await bench().fleet.deleteTenant(tenant)).counts;
            expect(counts?.chunks).toBe(model.size);
            model.clear();
          }
          const filter: Filter | undefined = one.do === "query" && one.n !== undefined ? { n: one.n } : undefined;
          const hits = await vector.query({ vector: [1, 1, 0, 0], topK: 20, filter });
          const expected = [...model].filter(([, kept]) => filter === undefined || kept.n === filter.n);
          expect(hits.map((h) => h.id).sort()).toEqual(expected.map(([id]) => id).sort());
          for (const hit of hits)
            expect(hit.score).toBeCloseTo(cosine([1, 1, 0, 0], model.get(hit.id)?.vector ?? []), 5);
        }
        const all = await bench().fleet.vector.tenants();
        const sizes = who.map(({ tenant }) => all.find((t) => t.tenant === tenant)?.chunks ?? 0);
        expect(sizes).toEqual(models.map((model) => model.size));
        for (const { tenant } of who) await bench().fleet.deleteTenant(tenant);
      }),
      { numRuns: 25 },
    );
  });

  it("deletes a tenant, once, and no other", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    for (const { vector } of [a, b])
      await vector.upsert([chunk("1", [1, 0, 0, 0], { metadata: { k: 1 } }), chunk("2", [1, 0, 0, 0])]);
    const { counts } = await bench().fleet.deleteTenant(a.tenant);
    expect(counts.vector).toMatchObject({ documents: 2, chunks: 2 });
    expect(Object.values((await bench().fleet.deleteTenant(a.tenant)).counts.vector ?? {})).toSatisfy(
      (counts: number[]) => counts.every((n) => n === 0),
    );
    expect([await a.vector.count(), await b.vector.count()]).toEqual([0, 2]);
    expect(await a.vector.query({ vector: [1, 0, 0, 0], topK: 1 })).toEqual([]);
    await a.vector.upsert([chunk("3", [1, 0, 0, 0])]);
    expect((await a.vector.query({ vector: [1, 0, 0, 0], topK: 9 })).map((h) => h.id)).toEqual(["3"]);
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "vector", ok: true, detail: expect.stringMatching(/\w/) });
  });
}
