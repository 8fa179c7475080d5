import type { Filter } from "mongodb";
import { byCodePoint } from "../order.ts";
import type { Part } from "../runs.ts";
import type { CheckedSearch, KeptFact, WordRange } from "./backend.ts";
import { factOf, type Head, there } from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";

/**
 * The facts that are looked for. Which index narrows them best is for the server to find out. Whether a range has one word in it is looked at once more: to FerretDB it is enough that one word
 * is above its start and another below its end.
 */
export async function mongoSearch(heads: Heads, tenant: string, search: CheckedSearch): Promise<KeptFact[]> {
  await heads.settle({ tenant });
  const all = conditionsOf(search);
  const filter = { tenant, ...there(await heads.mongo.now()), ...(all.length > 0 && { $and: all }) };
  return heads.facts(async (facts) => {
    const found: KeptFact[] = [];
    const cursor = facts
      .find(filter, { projection: { pending: 0 }, batchSize: search.limit })
      .sort({ updated: -1, id: -1 });
    for await (const one of cursor) {
      if (search.words.every((range) => one.words.some((word) => isInRange(range, word)))) found.push(factOf(one));
      if (found.length === search.limit) break;
    }
    return found;
  });
}

const isInRange = (range: WordRange, word: string): boolean =>
  "word" in range ? word === range.word : byCodePoint(word, range.from) >= 0 && byCodePoint(word, range.to) < 0;

function conditionsOf(search: CheckedSearch): Filter<Head>[] {
  const parts: Filter<Head>[] = search.words.map(inRange);
  for (const name of ["kind", "agent", "source"] as const)
    if (search[name] !== null) parts.push({ [name]: search[name] });
  const { keys, part, minConfidence, after } = search;
  if (keys) parts.push({ key: keys.to === null ? { $gte: keys.from } : { $gte: keys.from, $lt: keys.to } });
  if (part) parts.push(ofPart(part));
  if (minConfidence !== null) parts.push({ confidence: { $gte: minConfidence } });
  if (after)
    parts.push({ $or: [{ updated: { $lt: after.updated } }, { updated: after.updated, id: { $lt: after.id } }] });
  return parts;
}

/** Of a list's words one must be in the whole range, not one above its start and another below its end. */
const inRange = (range: WordRange): Filter<Head> =>
  "word" in range ? { words: range.word } : { words: { $elemMatch: { $gte: range.from, $lt: range.to } } };

const ofPart = ({ from, to, inside }: Part): Filter<Head> =>
  inside ? { key: { $gte: from, $lt: to } } : { $or: [{ key: { $lt: from } }, { key: { $gte: to } }] };
