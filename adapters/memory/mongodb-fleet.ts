import { StoreError } from "../errors.ts";
import { byCodePoint } from "../order.ts";
import type { ChangePlace, FactPlace, FleetBackend } from "./fleet.ts";
import { BATCHES, type ChangeDocument, changeOf, type Head, lastingOf, there } from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";
import { writeChanges, writeFacts } from "./mongodb-import.ts";
import { purge, removeAll } from "./mongodb-remove.ts";

/** Documents that are read at a time: a value may have 256 KiB. */
const PAGE = 200;

/** The acts across tenants. */
export function mongoFleet(heads: Heads): FleetBackend {
  return {
    async tenants() {
      await heads.settle({});
      const now = await heads.mongo.now();
      const counted = (match: object) =>
        heads.facts((facts) =>
          facts
            .aggregate<{ _id: string; n: number }>([{ $match: match }, { $group: { _id: "$tenant", n: { $sum: 1 } } }])
            .toArray(),
        );
      const [all, live] = [await counted({ seq: { $gt: 0 } }), await counted(there(now))];
      const facts = new Map(live.map(({ _id, n }) => [_id, Number(n)]));
      const names = all.map(({ _id }) => _id).sort(byCodePoint);
      return names.map((tenant) => ({ tenant, facts: facts.get(tenant) ?? 0 }));
    },
    async deleteTenant(tenant) {
      await heads.settle({ tenant });
      await heads.mongo.run((db) => db.collection(BATCHES).deleteMany({ tenant }));
      return removeAll(heads, { tenant });
    },
    changes: async (tenant, after) => (await pageOf(heads, tenant, after && at(after), inHistory)).map(changeOf),
    facts: async (tenant, after) => (await pageOf(heads, tenant, after && lasting(after), inFacts)).map(lastingOf),
    async clear(tenant, keys) {
      await heads.settle({ tenant });
      await removeAll(heads, { tenant, key: { $in: [...keys] } });
    },
    writeChanges: (tenant, changes) => writeChanges(heads, tenant, changes),
    writeFacts: async (tenant, facts) => {
      const missing = await writeFacts(heads, tenant, facts);
      if (missing === undefined) return;
      const what = `A record's fact "${missing.slice(0, 100)}" has no change that made it.`;
      throw new StoreError(
        "invalid",
        "memory",
        what,
        "Import what an export of the memory role gave, from its beginning.",
      );
    },
    purge: (tenant, olderThanMs) => purge(heads, tenant, olderThanMs),
  };
}

/** Where a document stands among those of its tenant: its key, and then this. */
type Place = readonly [key: string, within: string];

const number = (seq: number) => String(seq).padStart(16, "0");
const at = ({ key, seq }: ChangePlace): Place => [key, number(seq)];
/** Of one key those that were deleted by id, then the other. */
const lasting = ({ key, id, deleted }: FactPlace): Place => [key, deleted === null ? "~" : id];

interface Reading {
  place(one: ChangeDocument): Place;
  /** Of the history. */
  filter: object;
  sort: Record<string, 1>;
}

const inHistory: Reading = { place: at, filter: {}, sort: { key: 1, seq: 1 } };
const inFacts: Reading = { place: lasting, filter: { deleted: { $ne: null } }, sort: { key: 1, id: 1 } };

const compare = (one: Place, other: Place) => byCodePoint(one[0], other[0]) || byCodePoint(one[1], other[1]);

/** What comes next of heads and history together. Of the history counts what comes before its head; that part of it which is read has all of its heads among those that are read. */
async function pageOf(heads: Heads, tenant: string, after: Place | undefined, { place, filter, sort }: Reading) {
  if (!after) await heads.settle({ tenant });
  for (let from = after; ; ) {
    const key = { $gte: from?.[0] ?? "" };
    const tops = await heads.facts((facts) =>
      facts
        .find({ tenant, key, seq: { $gt: 0 } }, { projection: { words: 0, pending: 0 } })
        .sort({ key: 1 })
        .limit(PAGE + 1)
        .toArray(),
    );
    const older = await heads.changes((all) =>
      all
        .find({ tenant, key, ...filter, ...(from && beyond(from, sort)) } as never)
        .sort(sort)
        .limit(PAGE)
        .toArray(),
    );
    const byKey = new Map(tops.map((one) => [one.key, one]));
    const known = older.filter(
      ({ key, life, seq }) => byKey.get(key)?.life === life && seq < (byKey.get(key) as Head).seq,
    );
    const end = older.length === PAGE ? place(older.at(-1) as ChangeDocument) : undefined;
    const merged = [...tops, ...known]
      .map((one) => ({ one, place: place(one) }))
      .filter((each) => (!from || compare(each.place, from) > 0) && (!end || compare(each.place, end) <= 0))
      .sort((a, b) => compare(a.place, b.place))
      .slice(0, PAGE);
    if (merged.length > 0 || !end) return merged.map(({ one }) => one);
    from = end;
  }
}

/** Documents of the history beyond a place, as far as the server can say it. */
function beyond([key, within]: Place, sort: Record<string, 1>): object {
  const second = "seq" in sort ? { seq: { $gt: Number(within) } } : { id: { $gt: within } };
  return { $or: [{ key: { $gt: key } }, { key, ...second }] };
}
