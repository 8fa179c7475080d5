import fc from "fast-check";
import { expect, it } from "vitest";
import type { SnapshotRecord } from "../../adapters/role.ts";
import type { Bench } from "./bench.ts";
import { allOf, refused } from "./expectations.ts";
import { entry, ids } from "./search-fixture.ts";

const WORDS = ["amber", "birch", "cedar", "dunes", "ember", "fjord"];

interface Kept {
  document: string;
  words: string[];
  n: number;
}

const small = fc.integer({ min: 0, max: 4 });
const step = fc.oneof(
  fc.record({
    do: fc.constant("index" as const),
    who: fc.nat(2),
    entries: fc.array(
      fc.record({ id: small, document: small, n: small, words: fc.subarray(WORDS, { minLength: 1 }) }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ do: fc.constant("delete" as const), who: fc.nat(2), id: small }),
  fc.record({ do: fc.constant("document" as const), who: fc.nat(2), document: small }),
  fc.record({ do: fc.constant("tenant" as const), who: fc.nat(2) }),
);

export function tenants(bench: () => Bench): void {
  it("shows each tenant its own, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.constantFrom(...WORDS), small, async (steps, word, n) => {
        const who = [bench().fresh(), bench().fresh(), bench().fresh()];
        const models = who.map(() => new Map<string, Kept>());
        for (const one of steps) {
          const { tenant, search } = who[one.who] as (typeof who)[number];
          const model = models[one.who] as Map<string, Kept>;
          const remove = (gone: (id: string, kept: Kept) => boolean) => {
            const all = [...model].filter(([id, kept]) => gone(id, kept));
            for (const [id] of all) model.delete(id);
            return { deleted: all.length };
          };
          if (one.do === "index") {
            const given = one.entries.map(({ id, document, ...rest }) => ({
              id: `e${id}`,
              document: `d${document}`,
              ...rest,
            }));
            for (const { id, ...kept } of given) model.set(id, kept);
            await search.index(
              given.map(({ id, document, words, n }) => entry(id, words.join(" "), { document, metadata: { n } })),
            );
          } else if (one.do === "delete") {
            expect(await search.delete(`e${one.id}`)).toEqual(remove((id) => id === `e${one.id}`));
          } else if (one.do === "document") {
            const gone = remove((_, { document }) => document === `d${one.document}`);
            expect(await search.deleteByDocument(`d${one.document}`)).toEqual(gone);
          } else {
            const { counts } = await bench().fleet.deleteTenant(tenant);
            expect(counts.search?.entries).toBe(model.size);
            model.clear();
          }
        }
        for (const [i, { search }] of who.entries()) {
          const all = [...(models[i] as Map<string, Kept>)];
          const having = all.filter(([, { words }]) => words.includes(word));
          const found = await search.query({ text: word, fuzzy: "never" });
          expect(ids(found).sort()).toEqual(having.map(([id]) => id).sort());
          const without = await search.query({ text: `-${word}`, filter: { n } });
          const lacking = all.filter(([, kept]) => !kept.words.includes(word) && kept.n === n);
          expect(ids(without)).toEqual(lacking.map(([id]) => id).sort());
          expect(await search.count({ n })).toBe(all.filter(([, kept]) => kept.n === n).length);
        }
        const held = await bench().fleet.search.tenants();
        const sizes = who.map(({ tenant }) => held.find((one) => one.tenant === tenant)?.entries ?? 0);
        expect(sizes).toEqual(models.map((model) => model.size));
        for (const { tenant } of who) await bench().fleet.deleteTenant(tenant);
      }),
      { numRuns: 30 },
    );
  });

  it("deletes a tenant, once, and no other", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    for (const { search } of [a, b]) await search.index([entry("1", "one word"), entry("2", "two words")]);
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.search).toEqual({ entries: 2 });
    expect((await bench().fleet.deleteTenant(a.tenant)).counts.search).toEqual({ entries: 0 });
    expect([await a.search.count(), await b.search.count()]).toEqual([0, 2]);
    expect(await a.search.query({ text: "wrod" })).toEqual({ hits: [], bounded: false });
    await a.search.index([entry("3", "a third word")]);
    expect(ids(await a.search.query({ text: "word" }))).toEqual(["3"]);
  });

  it("writes and deletes from many at once", async () => {
    const { search } = bench().fresh();
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let round = 0; round < 5; round++) {
        await search.index(
          Array.from({ length: 40 }, (_, i) =>
            entry(`e${(i * 7 + writer) % 50}`, `writer${writer} round${round} common`, { document: `d${i % 5}` }),
          ),
        );
        if (writer === 0) await search.deleteByDocument(`d${round}`);
      }
    });
    await Promise.all(writers);
    const { hits } = await search.query({ text: "common", limit: 1_000 });
    expect(hits.length).toBe(await search.count());
    for (const { id, text = "" } of hits) {
      const [writer = "", round = ""] = text.split(" ");
      expect(ids(await search.query({ text: `${writer} ${round}`, limit: 100 }))).toContain(id);
    }
  });

  it("exports a tenant in order, and imports what it exported", async () => {
    const [a, b] = [bench().fresh(), bench().fresh()];
    const odd = ["a", "B", "é", "\uffee", "🚲", "a0", "A"];
    await a.search.index(
      odd.map((id, n) => entry(id, `text of ${id}`, n % 2 ? { metadata: { n } } : { title: `T${n}`, document: "d" })),
    );
    const fleet = bench().fleet.search;
    const records = await allOf(fleet.export({ tenant: a.tenant }));
    expect(records.map(({ id }) => id)).toEqual(["A", "B", "a", "a0", "é", "\uffee", "🚲"]);
    expect(records[0]).toEqual({
      kind: "entry",
      tenant: a.tenant,
      id: "A",
      document: "d",
      title: "T6",
      text: "text of A",
      metadata: {},
      language: "english",
    });
    const moved = records.map((one) => ({ ...one, tenant: b.tenant }));
    expect(await fleet.import(each(moved))).toEqual({ entry: 7 });
    expect(await fleet.import(each(moved))).toEqual({ entry: 7 });
    expect(await allOf(fleet.export({ tenant: b.tenant }))).toEqual(moved);
    expect(ids(await b.search.query({ text: "textt" }))).toHaveLength(7);
    const everyone = await allOf(fleet.export());
    const mine = everyone.filter(({ tenant }) => tenant === a.tenant || tenant === b.tenant);
    expect(mine).toEqual(a.tenant < b.tenant ? [...records, ...moved] : [...moved, ...records]);
    const [first = { kind: "entry", tenant: "a" }] = moved;
    for (const bad of [
      { ...first, kind: "fact" },
      { ...first, id: "" },
      { ...first, tenant: "A" },
      { ...first, more: 1 },
    ])
      await expect(fleet.import(each([bad])), JSON.stringify(bad)).rejects.toMatchObject(refused("invalid"));
  });

  it("exports more than a page, once each", async () => {
    const { tenant, search } = bench().fresh();
    await search.index(Array.from({ length: 2_300 }, (_, i) => entry(`e${i}`, `text ${i}`)));
    await search.index(Array.from({ length: 12 }, (_, i) => entry(`long${i}`, `${i} ${"x".repeat(1_000_000)}`)));
    const seen = new Set<string>();
    let last = "";
    for await (const { id } of bench().fleet.search.export({ tenant })) {
      expect(String(id) > last).toBe(true);
      last = String(id);
      seen.add(last);
    }
    expect(seen.size).toBe(2_312);
  });

  it("answers for its health", async () => {
    const [health, ...others] = await bench().fleet.health();
    expect(others).toEqual([]);
    expect(health).toMatchObject({ role: "search", ok: true, detail: expect.stringMatching(/\w/) });
  });
}

async function* each(records: readonly SnapshotRecord[]): AsyncGenerator<SnapshotRecord> {
  yield* records;
}
