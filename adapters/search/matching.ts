import type { Language } from "./contract.ts";
import { type Term, tokens } from "./tokens.ts";

/** Places beyond this are as one, as in PostgreSQL. */
const LAST_PLACE = 16_383;
/** What a word weighs in a title, and in a text. */
const TITLE = 1;
const TEXT = 0.1;

/** An entry as it is searched. */
export interface Indexed {
  /** Where each stem stands, in order; the text's places follow those of the title. */
  places: ReadonlyMap<string, readonly number[]>;
  /** The last place that is in the title. */
  titleEnd: number;
}

export function indexed(title: string | null, text: string, language: Language): Indexed {
  const places = new Map<string, number[]>();
  const add = (content: string, after: number): number => {
    let last = after;
    for (const { stem, position } of tokens(content, language)) {
      if (stem === null) continue;
      last = Math.min(LAST_PLACE, after + position);
      const known = places.get(stem);
      if (!known) places.set(stem, [last]);
      else if (known.at(-1) !== last) known.push(last);
    }
    return last;
  };
  const titleEnd = title === null ? 0 : add(title, 0);
  add(text, titleEnd);
  return { places, titleEnd };
}

/** Where a term stands: the place of its first word, each time that the others follow at their distances. */
function found({ places }: Indexed, { stems }: Term): number[] {
  const [first, ...others] = stems.map(({ stem, distance }) => ({ at: new Set(places.get(stem)), distance }));
  if (!first) return [];
  return [...first.at].filter((place) => others.every(({ at, distance }) => at.has(place + distance)));
}

/**
 * The score of an entry for a query, undefined where it does not match. The cover density of https://www.postgresql.org/docs/18/textsearch-controls.html:
 * the shortest stretches that hold all words count, the more the shorter they are.
 */
export function score(entry: Indexed, choices: readonly (readonly Term[])[]): number | undefined {
  const holding = choices.filter((terms) => terms.every((term) => found(entry, term).length > 0 !== term.not));
  if (holding.length === 0) return undefined;
  const sum = holding.reduce((all, terms) => all + density(entry, terms), 0);
  const rank = sum / (1 + Math.log(1 + entry.places.size));
  return rank / (rank + 1);
}

function density(entry: Indexed, terms: readonly Term[]): number {
  const wanted = terms.filter(({ not }) => !not);
  const hits = wanted.flatMap((term, who) => found(entry, term).map((place) => ({ place, who })));
  hits.sort((a, b) => a.place - b.place);
  let sum = 0;
  let start = 0;
  const within = new Map<number, number>();
  for (const [end, { place, who }] of hits.entries()) {
    within.set(who, (within.get(who) ?? 0) + 1);
    if (within.size < wanted.length) continue;
    // The shortest that ends here; what it begins with is in no later one.
    while ((within.get(hits[start]?.who ?? -1) ?? 0) > 1) leave(within, hits[start++]?.who ?? -1);
    const stretch = hits.slice(start, end + 1);
    const weight =
      stretch.length / stretch.reduce((all, one) => all + 1 / (one.place <= entry.titleEnd ? TITLE : TEXT), 0);
    sum += weight / (1 + place - (stretch[0]?.place ?? place) - (stretch.length - 1));
    leave(within, hits[start++]?.who ?? -1);
  }
  return sum;
}

function leave(within: Map<number, number>, who: number): void {
  const count = within.get(who) ?? 0;
  if (count > 1) within.set(who, count - 1);
  else within.delete(who);
}

/** Parts of an excerpt of so many words, in turn as they were and found: the stretch that has most of them. */
export function excerpt(
  text: string,
  language: Language,
  choices: readonly (readonly Term[])[],
  words: number,
): string[] {
  const wanted = new Set(choices.flat().flatMap(({ stems, not }) => (not ? [] : stems.map(({ stem }) => stem))));
  const all = tokens(text, language);
  const hit = all.map(({ stem }) => stem !== null && wanted.has(stem));
  const first = all.length <= words ? 0 : Math.max(0, hit.indexOf(true) - 3); // a little of what is before it
  let [best, most, count] = [first, 0, 0];
  for (let end = first; end < all.length; end++) {
    if (hit[end]) count++;
    if (end - words >= first && hit[end - words]) count--;
    if (count > most) [best, most] = [Math.max(first, end - words + 1), count];
  }
  const shown = all.slice(best, best + words);
  const parts: string[] = [];
  let at = best === 0 ? 0 : (shown[0]?.from ?? 0);
  for (const [i, { from, to }] of shown.entries()) {
    if (!hit[best + i]) continue;
    parts.push(text.slice(at, from), text.slice(from, to));
    at = to;
  }
  parts.push(text.slice(at, best + words >= all.length ? text.length : shown.at(-1)?.to));
  return parts;
}
