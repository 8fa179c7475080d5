import type { Filter } from "mongodb";
import { type ChangeDocument, type Head, newRev } from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";

/** Facts that are removed at a time. */
const PAGE = 200;
/** A batch that is so old and not committed was left behind, in microseconds. */
const LEFT_BEHIND = 3_600_000_000;

type Where = Pick<Filter<Head> & Filter<ChangeDocument>, "tenant" | "key">;

/** Removes all of a tenant, or of some of its keys, and counts it. What a writer adds to the history meanwhile goes with the second look. */
export async function removeAll(
  heads: Heads,
  where: Where,
): Promise<{ facts: number; words: number; changes: number }> {
  const live = await heads.facts((facts) =>
    facts.find({ ...where, seq: { $gt: 0 } } as Filter<Head>, { projection: { _id: 0, words: 1 } }).toArray(),
  );
  const counts = {
    facts: live.length,
    changes: live.length,
    words: live.reduce((sum, { words }) => sum + words.length, 0),
  };
  counts.facts += await heads.changes((all) =>
    all.countDocuments({ ...where, deleted: { $ne: null } } as Filter<ChangeDocument>),
  );
  const gone = () => heads.changes(async (all) => (await all.deleteMany(where as Filter<ChangeDocument>)).deletedCount);
  counts.changes += await gone();
  await heads.facts((facts) => facts.deleteMany(where as Filter<Head>));
  counts.changes += await gone();
  return counts;
}

/** Removes some of a tenant's facts that ended longer ago, with their history; counts none when none is left. */
export async function purge(
  heads: Heads,
  tenant: string,
  olderThanMs: number,
): Promise<{ facts: number; changes: number }> {
  const now = await heads.mongo.now();
  await heads.settle({ tenant });
  await sweep(heads, tenant, now);
  const until = { $ne: null, $lte: now - olderThanMs * 1_000 };
  const earlier = await purgeEarlier(heads, tenant, until);
  return earlier.facts > 0 ? earlier : purgeLast(heads, tenant, until);
}

/** What writers left behind that never came back. */
async function sweep(heads: Heads, tenant: string, now: number): Promise<void> {
  const left = { tenant, state: { $ne: "committed" as const }, at: { $lt: now - LEFT_BEHIND } };
  for (const batch of await heads.batches((all) => all.find(left).toArray())) await heads.withdraw(batch);
  const gone = await heads.facts((facts) => facts.find({ tenant, gone: true }).limit(PAGE).toArray());
  await removeGone(heads, tenant, gone);
}

/** Facts in whose place others came. */
async function purgeEarlier(heads: Heads, tenant: string, ends: { $ne: null; $lte: number }) {
  const all = await heads.changes((changes) =>
    changes
      .find({ tenant, ends }, { projection: { id: 1 } })
      .limit(PAGE)
      .toArray(),
  );
  // Noted as expired, but the put that goes with it did not come about: that is the head's still.
  const ids = all.map(({ id }) => id);
  const lasting = await heads.facts((facts) =>
    facts.find({ tenant, id: { $in: ids } }, { projection: { id: 1 } }).toArray(),
  );
  const kept = new Set(lasting.map(({ id }) => id));
  const ended = all.filter(({ id }) => !kept.has(id));
  if (ended.length === 0) return { facts: 0, changes: 0 };
  return heads.changes(async (changes) => {
    const puts = await changes.deleteMany({ tenant, id: { $in: ended.map(({ id }) => id) }, deleted: null });
    // By these the facts are found: they go last.
    const ends = await changes.deleteMany({ _id: { $in: ended.map(({ _id }) => _id) } });
    return { facts: ended.length, changes: puts.deletedCount + ends.deletedCount };
  });
}

/** Facts that were the last of their keys, where nothing else is left of these: then the keys go as a whole. */
async function purgeLast(heads: Heads, tenant: string, ends: { $ne: null; $lte: number }) {
  const found = await heads.facts((facts) =>
    facts
      .find({ tenant, ends, seq: { $gt: 0 } })
      .limit(PAGE)
      .toArray(),
  );
  const history = await heads.changes((changes) =>
    changes.find({ tenant, key: { $in: found.map(({ key }) => key) } }, { projection: { life: 1, id: 1 } }).toArray(),
  );
  const more = new Set(
    history.filter(({ life, id }) => !found.some((one) => one.life === life && one.id === id)).map(({ life }) => life),
  );
  const mine: Head[] = [];
  for (const head of found) {
    if (more.has(head.life) || head.pending) continue;
    const { _id, key, life } = head;
    const stub = { _id, tenant, key, life, rev: newRev(), seq: 0, words: [], gone: true } as unknown as Head;
    if (await heads.replace(head, stub)) mine.push(stub);
  }
  return { facts: mine.length, changes: mine.length + (await removeGone(heads, tenant, mine)) };
}

/** The history first, so that what is left of one is found again. */
async function removeGone(heads: Heads, tenant: string, gone: readonly Head[]): Promise<number> {
  if (gone.length === 0) return 0;
  const lives = gone.map(({ life }) => life);
  const { deletedCount } = await heads.changes((all) => all.deleteMany({ tenant, life: { $in: lives } }));
  await heads.facts((facts) =>
    facts.deleteMany({ _id: { $in: gone.map(({ _id }) => _id) }, gone: true, life: { $in: lives } }),
  );
  return deletedCount;
}
