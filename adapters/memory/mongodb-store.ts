import { isIn, partOf } from "../runs.ts";
import type { MemoryBackend } from "./backend.ts";
import { isExpected, putTogether } from "./mongodb-batch.ts";
import { afterPut, changeOf, ended, factOf, headId, isThere, writtenOf } from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";
import { removeAll } from "./mongodb-remove.ts";
import { mongoSearch } from "./mongodb-search.ts";

/** One tenant's documents. */
export function mongoBackend(heads: Heads, tenant: string): MemoryBackend {
  return {
    async put(facts, actor, expected) {
      const [fact] = facts;
      if (!fact || facts.length > 1)
        return heads.turns.take(`${tenant}//`, () => putTogether(heads, tenant, facts, actor));
      const put = await heads.change(headId(tenant, fact.key), (head, now) =>
        isExpected(head, now, expected) ? afterPut(tenant, head, fact, actor, now) : undefined,
      );
      return put && [writtenOf(put)];
    },
    async get(keys) {
      const found = await heads.read(keys.map((key) => headId(tenant, key)));
      const now = await heads.mongo.now();
      return [...found.values()].filter((one) => isThere(one, now)).map(factOf);
    },
    async delete(which, actor, part) {
      const _id = "key" in which ? headId(tenant, which.key) : await idOf(heads, tenant, which.id);
      if (_id === undefined) return false;
      const done = await heads.change(_id, (head, now) => {
        if (!head || !isThere(head, now) || (part && !isIn(part, head.key))) return undefined;
        if ("id" in which && head.id !== which.id) return undefined;
        return { head: ended(head, "delete", now, actor), expire: null };
      });
      return done !== undefined;
    },
    search: (search) => mongoSearch(heads, tenant, search),
    async history(key, limit, before = Number.MAX_SAFE_INTEGER) {
      const _id = headId(tenant, key);
      const head = (await heads.read([_id])).get(_id);
      if (!head || head.seq === 0) return [];
      const { life, seq } = head;
      const newest = seq < before ? [head] : [];
      const rest = limit - newest.length;
      const filter = { tenant, key, life, seq: { $lt: Math.min(before, seq) } };
      const older =
        rest > 0 ? await heads.changes((all) => all.find(filter).sort({ seq: -1 }).limit(rest).toArray()) : [];
      return [...newest, ...older].map(changeOf);
    },
    async removeRun(run) {
      const { from, to } = partOf(run);
      await heads.settle({ tenant });
      const { facts, changes } = await removeAll(heads, { tenant, key: { $gte: from, $lt: to as string } });
      return { facts, changes };
    },
  };
}

async function idOf(heads: Heads, tenant: string, id: string): Promise<string | undefined> {
  const find = () => heads.facts((facts) => facts.findOne({ tenant, id, deleted: null }, { projection: { _id: 1 } }));
  const found = await find();
  if (found) return found._id;
  await heads.settle({ tenant });
  return (await find())?._id;
}
