import { byCodePoint } from "../order.ts";

/*
 * Typos: which words a query has, which may be meant, and what the query reads then. Shared by all products, so that the same word is mended to the
 * same one wherever the same words are known.
 */

const SHORTEST = 3;
const LONGEST = 32;
/** Below so many characters, one of them may be all that a change leaves of a beginning or end. */
const SHORT = 5;
/** From so many characters on, two changes are one typo too. */
const LONG = 6;
/** So many different words of a query are looked at. */
const MOST = 16;

const words = /[\p{L}\p{M}]+/gu;
const mendable = (word: string) => word.length >= SHORTEST && word.length <= LONGEST;

/** What only separates words, whatever a product would see in it: the same as in `agents.search_lexemes_of`. */
export const BETWEEN = "<>/\\.:@=";

/** A text, or query, with a space for each of what only separates. */
export const plainWords = (text: string) => text.replace(/[<>/\\.:@=]/g, " ");

/** What stands for each of them while an excerpt is made: control characters, which only separate too. */
export const STANDING_FOR = "\x01\x02\x03\x04\x05\x06\x07\x08";

/** An excerpt in which control characters stand for what only separates, as it was before. */
export const unplain = (excerpt: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they stand for what was there
  excerpt.replace(/[\x01-\x08]/g, (one) => BETWEEN.charAt(one.charCodeAt(0) - 1));

/** The words of texts that typos may be mended to, in lower case. */
export function vocabulary(texts: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const text of texts)
    for (const [word] of text.toLowerCase().matchAll(words)) if (mendable(word)) found.add(word);
  return found;
}

/** The words of a query that may be typos, as they stand in it, at most 16; not those that must not be there. */
export function queryWords(text: string): string[] {
  const found = new Set<string>();
  for (const { 0: word, index } of text.matchAll(words)) {
    const negated = text[index - 1] === "-" && !/[\p{L}\p{N}]/u.test(text[index - 2] ?? "");
    if (mendable(word) && !negated && word.toLowerCase() !== "or") found.add(word);
  }
  return [...found].slice(0, MOST);
}

/** The query with some of its words replaced; the others, and all between, stay as they are. */
export function replaceWords(text: string, by: ReadonlyMap<string, string>): string {
  return text.replace(words, (word) => by.get(word) ?? word);
}

/** How many changes away from a word its replacement may be. */
const tolerance = (word: string) => (word.length >= LONG ? 2 : 1);

/** How a word begins and ends, and its length in characters: what a candidate has one and about the other of. */
export function ends(word: string, length = [...word].length): { head: string; tail: string; length: number } {
  const characters = [...word];
  const size = length < SHORT ? 1 : 2;
  return { head: characters.slice(0, size).join(""), tail: characters.slice(-size).join(""), length };
}

/** What any word that may be meant by one has: of each length, the beginning or the end. */
export function likeness(word: string): { head: string; tail: string; length: number }[] {
  const length = [...word].length;
  const most = tolerance(word);
  return Array.from({ length: 2 * most + 1 }, (_, i) => ends(word, length - most + i));
}

/** Of candidates, those that may be meant by a word: the fewest changes away first, then those with most trigrams in common. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  const asked = word.toLowerCase();
  const mine = new Set(trigrams(asked));
  const like = likeness(asked);
  const all = [...candidates].flatMap((candidate) => {
    const { head, tail, length } = ends(candidate);
    if (!like.some((one) => one.length === length && (one.head === head || one.tail === tail))) return [];
    const changes = distance(asked, candidate, tolerance(asked));
    if (changes > tolerance(asked)) return [];
    return [{ candidate, changes, shared: trigrams(candidate).filter((one) => mine.has(one)).length }];
  });
  all.sort((a, b) => a.changes - b.changes || b.shared - a.shared || byCodePoint(a.candidate, b.candidate));
  return all.map(({ candidate }) => candidate);
}

/** Every three characters in a row of a word with two spaces before it and one after, without repeats. */
function trigrams(word: string): string[] {
  const characters = [..."  ", ...word, " "];
  return [...new Set(characters.slice(2).map((last, i) => `${characters[i]}${characters[i + 1]}${last}`))];
}

/** Characters changed, missing, added, or swapped with their neighbour, from one word to another; anything over `most` is `most + 1`. */
function distance(one: string, other: string, most: number): number {
  const a = [...one];
  const b = [...other];
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    [before, last, row] = [last, row, [i]];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, at(before, j - 2) + 1);
      row.push(cost);
    }
    if (Math.min(...row) > most) return most + 1;
  }
  return at(row, b.length);
}

const at = (row: readonly number[], j: number) => row[j] as number;
