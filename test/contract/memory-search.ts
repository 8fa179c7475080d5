import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import type { MemorySearch, MemoryStore, NewFact } from "../../adapters/index.ts";
import { stringsOf, wordsOf } from "../../adapters/memory/words.ts";
import type { Bench } from "./bench.ts";

const FACTS: NewFact[] = [
  { key: "user/name", value: "Zoë Adler", agent: "a", kind: "profile", confidence: 1, source: "form" },
  { key: "user/city", value: { city: "Grand Lake", seen: [2024, "Lake district"] }, agent: "a", confidence: 0.5 },
  { key: "user/café", value: ["ＣＡＦÉ Größe", "straße"], agent: "b", kind: "note", confidence: 0.5, source: "chat 1" },
  { key: "note-1", value: "ΟΔΥΣΣΕΥΣ sails; हिन्दी 北京", kind: "note", confidence: 0, source: "chat 2" },
  { key: "note-2", value: "x".repeat(100), kind: "note" },
  { key: "%_", value: "100% of a_b; drop table fact" },
  { key: "\u{10ffff}\u{10ffff}", value: "last" },
];

export function search(bench: () => Bench): void {
  let memory: MemoryStore;
  beforeAll(async () => {
    ({ memory } = bench().fresh());
    await memory.putMany(FACTS);
  });
  const keys = async (search?: MemorySearch) => (await memory.search(search)).facts.map(({ key }) => key);

  const cases: [MemorySearch, string[]][] = [
    [{ text: "adler" }, ["user/name"]],
    [{ text: "ADLER, zoë!" }, ["user/name"]],
    [{ text: "zoe" }, []],
    [{ text: "ad" }, ["user/name"]],
    [{ text: "ad zoë" }, []],
    [{ text: "zoë ad" }, ["user/name"]],
    [{ text: "lake lake" }, ["user/city"]],
    [{ text: "user" }, ["user/café", "user/city", "user/name"]],
    [{ text: "user lak" }, ["user/city"]],
    [{ text: "city" }, ["user/city"]],
    [{ text: "seen" }, []],
    [{ text: "2024" }, []],
    [{ text: "café" }, ["user/café"]],
    [{ text: "cafe\u0301 grösse" }, []],
    [{ text: "größe cafe\u0301" }, ["user/café"]],
    [{ text: "profile form" }, ["user/name"]],
    [{ text: "chat" }, ["note-1", "user/café"]],
    [{ text: "chat 1" }, ["note-1", "user/café"]],
    [{ text: "chat 12" }, []],
    [{ text: "1 chat" }, ["note-1", "user/café"]],
    [{ text: "οδυσσευς" }, ["note-1"]],
    [{ text: "οδυσσευσ" }, ["note-1"]],
    [{ text: "οδυς" }, ["note-1"]],
    [{ text: "हिन्दी" }, ["note-1"]],
    [{ text: "北" }, ["note-1"]],
    [{ text: "x".repeat(64) }, ["note-2"]],
    [{ text: "x".repeat(300) }, ["note-2"]],
    [{ text: "x".repeat(63) }, ["note-2"]],
    [{ text: "y".repeat(65) }, []],
    [{ text: "%" }, []],
    [{ text: "" }, []],
    [{ text: "100 b" }, ["%_"]],
    [{ text: "'; drop table fact" }, ["%_"]],
    [{ prefix: "user/" }, ["user/café", "user/city", "user/name"]],
    [{ prefix: "user/c" }, ["user/café", "user/city"]],
    [{ prefix: "%" }, ["%_"]],
    [{ prefix: "_" }, []],
    [{ prefix: "\u{10ffff}" }, ["\u{10ffff}\u{10ffff}"]],
    [{ prefix: "\u{10ffff}\u{10ffff}\u{10ffff}" }, []],
    [{ kind: "note" }, ["note-2", "note-1", "user/café"]],
    [{ kind: "note", agent: "b" }, ["user/café"]],
    [{ agent: "a" }, ["user/city", "user/name"]],
    [{ source: "chat 2" }, ["note-1"]],
    [{ source: "chat" }, []],
    [{ minConfidence: 0.5 }, ["user/café", "user/city", "user/name"]],
    [{ minConfidence: 0 }, ["note-1", "user/café", "user/city", "user/name"]],
    [{ text: "user", minConfidence: 0.6 }, ["user/name"]],
    [{ text: "chat", prefix: "user/", kind: "note", agent: "b", source: "chat 1" }, ["user/café"]],
    [{ limit: 2 }, ["\u{10ffff}\u{10ffff}", "%_"]],
  ];
  it.each(cases)("finds, newest first, with %j", async (search, expected) => {
    expect(await keys(search)).toEqual(expected);
  });

  it("finds every fact by default, and gives pages that meet", async () => {
    const all = FACTS.map(({ key }) => key).reverse();
    expect(await keys()).toEqual(all);
    for (const limit of [1, 2, 3, 7, 8]) {
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await memory.search({ limit, after });
        seen.push(...page.facts.map(({ key }) => key));
        expect(page.facts.length).toBeLessThanOrEqual(limit);
        after = page.next;
        if (after === undefined) break;
        expect(page.facts).toHaveLength(limit);
      }
      expect(seen).toEqual(all);
    }
    const { next } = await memory.search({ text: "user", limit: 1 });
    expect(await keys({ text: "user", after: next })).toEqual(["user/city", "user/name"]);
  });

  it("follows a fact that changes", async () => {
    const { memory } = bench().fresh();
    const keys = async (text: string) => (await memory.search({ text })).facts.map(({ key }) => key);
    await memory.put({ key: "a", value: "red green" });
    await memory.put({ key: "b", value: "red" });
    expect(await keys("red")).toEqual(["b", "a"]);
    await memory.put({ key: "a", value: ["green", { is: "red" }, "blue"] });
    expect(await keys("red")).toEqual(["a", "b"]);
    await memory.put({ key: "b", value: "blue" });
    expect([await keys("red"), await keys("blue")]).toEqual([["a"], ["b", "a"]]);
    await memory.delete({ key: "a" });
    expect([await keys("red"), await keys("blu")]).toEqual([[], ["b"]]);
  });

  it("answers as a search through all facts would, whatever way it takes", async () => {
    const { memory } = bench().fresh();
    const vocabulary = ["alpha", "alps", "al", "beta", "bet", "gamma", "δ", "δelta", "über", "1", "10"];
    const facts: NewFact[] = Array.from({ length: 300 }, (_, n) => ({
      key: `${vocabulary[n % 11]}:${n}`,
      value: [vocabulary[(n * 7) % 5] ?? "", { n, text: `${vocabulary[(n * 3) % 11]} ${vocabulary[(n * 5) % 11]}` }],
      kind: n % 3 ? "fact" : "note",
      agent: n % 4 ? `agent ${n % 4}` : null,
      source: n % 5 ? `source ${n % 5}` : null,
      confidence: n % 6 ? (n % 10) / 10 : null,
    }));
    await memory.putMany(facts);
    const optional = <T>(of: readonly T[]) => fc.option(fc.constantFrom(...of), { nil: undefined });
    const words = fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 3 }).map((all) => all.join(" "));
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          text: fc.option(words, { nil: undefined }),
          prefix: optional(["al", "alpha:", "δ", "1", "ü"]),
          kind: optional(["fact", "note"]),
          agent: optional(["agent 1", "agent 2"]),
          source: optional(["source 1"]),
          minConfidence: optional([0, 0.3, 0.75]),
        }),
        async (search) => {
          const expected = facts.filter((fact) => matches(fact, search)).map(({ key }) => key);
          const found = await memory.search({ ...search, limit: 1_000 });
          expect(found.facts.map(({ key }) => key)).toEqual(expected.reverse());
        },
      ),
      { numRuns: 150 },
    );
  });
}

function matches(fact: NewFact, search: MemorySearch): boolean {
  const has = wordsOf(fact.key, fact.kind ?? "fact", fact.source ?? "", ...stringsOf(fact.value));
  const asked = search.text?.split(" ") ?? [];
  const last = asked.pop() ?? "";
  return (
    asked.every((word) => has.includes(word)) &&
    has.some((word) => word.startsWith(last)) &&
    fact.key.startsWith(search.prefix ?? "") &&
    [fact.kind, undefined].includes(search.kind) &&
    [fact.agent, undefined].includes(search.agent) &&
    [fact.source, undefined].includes(search.source) &&
    (search.minConfidence === undefined || (fact.confidence ?? -1) >= search.minConfidence)
  );
}
