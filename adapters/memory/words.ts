import type { Json } from "../input.ts";

/** Characters of a word that are looked at. */
const MAX_WORD = 64;

/**
 * The words of a text in their order, which mean the same on every product because they are made here: runs of letters, their marks and digits, in NFKC and
 * lower case, cut to 64 characters.
 */
export function runsOf(text: string): string[] {
  return (
    folded(text)
      .match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu)
      ?.map(cut) ?? []
  );
}

/** Each word of several texts once. */
export const wordsOf = (...texts: readonly string[]): string[] => [...new Set(texts.flatMap(runsOf))];

/** Lower case can undo the normal form; and a sigma is written otherwise at the end of a word, which a beginning of one must not be held to. */
function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase().normalize("NFKC").replaceAll("ς", "σ");
}

function cut(word: string): string {
  return word.length <= MAX_WORD ? word : [...word].slice(0, MAX_WORD).join("");
}

/** Every string of a value, however deep; not the names within objects. */
export function stringsOf(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsOf);
}

/** What every text that begins with `start` is less than, in code-point order; null where there is no such text. */
export function endOf(start: string): string | null {
  const points = [...start].map((one) => one.codePointAt(0) as number);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    const next = last === 0xd7ff ? 0xe000 : last + 1; // surrogates are no characters
    return String.fromCodePoint(...points, next);
  }
  return null;
}
