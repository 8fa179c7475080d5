import type { Language } from "./contract.ts";
import { STOP_WORDS, stem } from "./english.ts";

/** A word of a text as it is compared, and where it stands. */
export interface Token {
  /** What its inflections have in common; null for a word that is not searched. */
  stem: string | null;
  /** From 1, words that are not searched included. */
  position: number;
  from: number;
  to: number;
}

const words = /[\p{L}\p{M}\p{N}]+/gu;

export function tokens(text: string, language: Language): Token[] {
  return Array.from(text.matchAll(words), ({ 0: written, index }, i) => {
    const word = written.toLowerCase();
    const stemmed = language === "simple" ? word : STOP_WORDS.has(word) ? null : stem(word);
    return { stem: stemmed, position: i + 1, from: index, to: index + written.length };
  });
}

/** Words that must, or must not, stand in a text: one alone, or several at these distances from the first. */
export interface Term {
  stems: readonly { stem: string; distance: number }[];
  not: boolean;
}

/** A query: of one of these lists all terms hold. Empty when it has no word that is searched. */
export function parseQuery(text: string, language: Language): Term[][] {
  const choices: Term[][] = [[]];
  for (const [, not, quoted, plain] of text.matchAll(/(?:(?<![\p{L}\p{N}])(-))?(?:"([^"]*)"?|([^\s"]+))/gu)) {
    if (plain !== undefined && !not && plain.toLowerCase() === "or") {
      choices.push([]);
      continue;
    }
    const found = tokens(quoted ?? plain ?? "", language).flatMap((one) =>
      one.stem === null ? [] : [{ ...one, stem: one.stem }],
    );
    const [first] = found;
    if (!first) continue;
    const stems = found.map(({ stem, position }) => ({ stem, distance: position - first.position }));
    choices.at(-1)?.push({ stems, not: not !== undefined });
  }
  return choices.filter((terms) => terms.length > 0);
}
