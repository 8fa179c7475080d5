/** Words that say nothing about what an English text is of. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself they them their
  theirs themselves what which who whom this that these those am is are was were be been being have has had having do does did doing a an the and but
  if or because as until while of at by for with about against between into through during before after above below to from up down in out on off over
  under again further then once here there when where why how all any both each few more most other some such no nor not only own same so than too very
  s t can will just don should now`.split(/\s+/),
);

const vowel = /[aeiouy]/;
const doubled = /(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/;

/** What the regular inflections of an English word have in common: the first step of https://snowballstem.org/algorithms/english/stemmer.html. */
export function stem(word: string): string {
  if (word.length < 3) return word;
  let one = word.replace(/'s?$/, "");
  if (/sses$/.test(one)) one = one.slice(0, -2);
  else if (/ie[sd]$/.test(one)) one = one.length > 4 ? one.slice(0, -2) : one.slice(0, -1);
  else if (/[^us]s$/.test(one) && vowel.test(one.slice(0, -2))) one = one.slice(0, -1);
  if (/eed(ly)?$/.test(one)) one = one.replace(/ly$/, "").slice(0, -1);
  else {
    const root = /^(.+?)(?:ed|edly|ing|ingly)$/.exec(one)?.[1];
    if (root && vowel.test(root)) one = restored(root);
  }
  return one.length > 2 && /[^aeiouy]y$/.test(one)
    ? `${one.slice(0, -1)}i`
    : one.length > 4
      ? one.replace(/e$/, "")
      : one;
}

/** A word whose ending was taken away, as it stands without: `hop` of `hopping`, `hope` of `hoping`. */
function restored(root: string): string {
  if (/(at|bl|iz)$/.test(root)) return `${root}e`;
  if (doubled.test(root)) return root.slice(0, -1);
  return /^[^aeiouy]*[aeiouy][^aeiouywx]$/.test(root) ? `${root}e` : root;
}
