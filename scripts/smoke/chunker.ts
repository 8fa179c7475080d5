/** A piece of a text and its place in it, from 0. */
export interface Piece {
  text: string;
  position: number;
}

/**
 * Cuts a text into pieces of at most `size` UTF-16 units: whole sentences where they fit, never across a blank line, a sentence that is too
 * long between words, and a word that is too long wherever it must be. Nothing is lost but white space.
 */
export function chunk(text: string, { size = 800 }: { size?: number } = {}): Piece[] {
  return text
    .split(/\n\s*\n/)
    .flatMap((paragraph) => pack(sentences(paragraph), size))
    .map((text, position) => ({ text, position }));
}

const sentences = (paragraph: string) => paragraph.trim().split(/(?<=[.!?]["')\]]*)\s+(?=["'([]*\p{Lu})/u);

/** Joins parts while they fit; a part that is too long is cut between words first. */
function pack(parts: readonly string[], size: number): string[] {
  const packed: string[] = [];
  for (const part of parts.flatMap((part) => (part.length > size ? words(part, size) : part)).filter(Boolean)) {
    const last = packed.at(-1);
    if (last !== undefined && last.length + 1 + part.length <= size) packed[packed.length - 1] = `${last} ${part}`;
    else packed.push(part);
  }
  return packed;
}

function words(sentence: string, size: number): string[] {
  return sentence.split(/\s+/).flatMap((word) => {
    if (word.length <= size) return word;
    const pieces = [""];
    for (const letter of word) {
      if ((pieces.at(-1) ?? "").length + letter.length > size && pieces.at(-1) !== "") pieces.push("");
      pieces[pieces.length - 1] += letter;
    }
    return pieces;
  });
}
