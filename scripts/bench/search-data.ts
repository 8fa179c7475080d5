import type { SearchEntry } from "../../adapters/search/contract.ts";

export type BenchEntry = Required<Pick<SearchEntry, "id" | "document" | "title" | "text">> & {
  metadata: { tenth: number };
};

const SYLLABLES =
  "ba be bo da de do fa fe ga go ka ke ki la le lo ma me mi na ne no pa po ra re ri sa so ta te to va ve wa zo".split(
    " ",
  );

/** Words that no stemmer shortens, by how often they are used, as in a language: the first ones are nearly everywhere. */
export function word(rank: number): string {
  let [text, rest] = ["", rank + 40];
  for (; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) text += SYLLABLES[rest % SYLLABLES.length];
  return `${text}k`;
}

/** Texts of 100 words out of 20,000, the same in every run; every thousandth entry has `needle`, side by side with `thread` in half of those. */
export function entries(count: number, seed: number): BenchEntry[] {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  const draw = () => word(Math.floor(20_000 ** next()) - 1);
  return Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: 100 }, draw);
    if (i % 2 === 0) words[10] = "everywhere";
    if (i % 1_000 === 0) words.splice(20, 1, "needle", i % 2_000 === 0 ? "thread" : "and thread");
    return {
      id: `entry-${String(i).padStart(6, "0")}`,
      document: `document-${Math.floor(i / 20)}`,
      title: `${draw()} ${draw()} ${draw()}`,
      text: words.join(" "),
      metadata: { tenth: i % 10 },
    };
  });
}
