const OURS = new Set(["--admin", "--help", "-h"]);

/**
 * The words with our own options first. They may stand on either side of the product; from the first other word behind it on, all belongs to its shell, even what is
 * spelt like an option of ours.
 */
export function oursFirst(words: readonly string[]): string[] {
  const ours: string[] = [];
  const product: string[] = [];
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? "";
    if (OURS.has(word) || word.startsWith("--stack=")) ours.push(word);
    else if (word === "--stack") ours.push(word, ...words.slice(++at, at + 1));
    else if (product.length === 0) product.push(word);
    else break;
  }
  if (words[at] === "--") at++; // npm takes the first, and here is no need of another
  return [...ours, ...product, ...words.slice(at)];
}

/** Splits a typed line at its spaces; quotation marks and a backslash keep them. Undefined for a mark that is not closed. */
export function splitLine(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] ?? "";
    if (sign === "\\" && quote !== "'" && at + 1 < line.length) word = (word ?? "") + line[++at];
    else if (quote && sign === quote) quote = "";
    else if (!quote && (sign === '"' || sign === "'")) [quote, word] = [sign, word ?? ""];
    else if (!quote && /\s/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + sign;
  }
  if (quote) return undefined;
  return word === undefined ? words : [...words, word];
}
