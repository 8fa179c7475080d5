import { randomUUID } from "node:crypto";
import type { KeptChange, KeptFact } from "./backend.ts";
import { CHANGES, type ChangeDocument, changeId, FACTS, type Head, headId, newRev } from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";
import { type Lasting, wordsOfFact } from "./snapshot.ts";

/** Writes changes over those with the same place, the last one of each key as its head. */
export async function writeChanges(heads: Heads, tenant: string, changes: readonly KeptChange[]): Promise<void> {
  const keys = [...new Set(changes.map(({ key }) => key))];
  const there = await heads.read(keys.map((key) => headId(tenant, key)));
  const [history, tops]: [ChangeDocument[], Head[]] = [[], []];
  for (const key of keys) {
    const before = there.get(headId(tenant, key));
    const head = before && before.seq > 0 ? before : undefined;
    const life = head?.life ?? randomUUID();
    const bySeq = new Map<number, ChangeDocument>(head ? [[head.seq, head]] : []);
    for (const change of changes.filter((one) => one.key === key)) {
      const fact = change.fact ?? (await factBefore(heads, tenant, life, change, bySeq));
      bySeq.set(change.seq, documentOf(tenant, life, change, fact));
    }
    const last = Math.max(...bySeq.keys());
    for (const [seq, one] of bySeq) {
      if (seq === last) tops.push(headOf(one));
      else history.push(inHistory(one));
    }
  }
  await heads.bulk(CHANGES, history.map(replacement));
  await heads.bulk(FACTS, tops.map(replacement));
}

/** What a change ended is what the last put of the same fact left. */
async function factBefore(
  heads: Heads,
  tenant: string,
  life: string,
  { key, id, at }: KeptChange,
  bySeq: Map<number, ChangeDocument>,
): Promise<KeptFact> {
  const near = [...bySeq.values()].filter((one) => one.id === id && one.action === "put").at(-1);
  const found =
    near ??
    (await heads.changes((all) =>
      all.find({ tenant, key, life, id, action: "put" }).sort({ seq: -1 }).limit(1).next(),
    ));
  if (found) return { ...found, value: JSON.parse(found.value) };
  // Its record comes with the facts.
  return {
    id,
    key,
    agent: null,
    kind: "fact",
    value: null,
    confidence: null,
    source: null,
    expires: null,
    version: 1,
    created: at,
    updated: at,
  };
}

function documentOf(tenant: string, life: string, change: Omit<KeptChange, "fact">, fact: KeptFact): ChangeDocument {
  const { key, seq, at, action, actor, id } = change;
  const deleted = action === "put" ? null : at;
  const { agent, kind, confidence, source, expires, version, created, updated } = fact;
  const said = {
    agent,
    kind,
    value: JSON.stringify(fact.value),
    confidence,
    source,
    expires,
    version,
    created,
    updated,
  };
  return { _id: changeId(life, seq), tenant, key, life, seq, action, at, actor, id, ...said, deleted, ends: deleted };
}

const inHistory = (one: ChangeDocument): ChangeDocument => {
  const { rev: _, words: __, pending: ___, ...change } = one as Head;
  return { ...change, _id: changeId(one.life, one.seq), ends: one.deleted };
};

function headOf(one: ChangeDocument): Head {
  const words = one.deleted === null ? wordsOfFact({ ...one, value: JSON.parse(one.value) }) : [];
  const { pending: _, ...rest } = one as Head;
  return { ...rest, _id: headId(one.tenant, one.key), ends: one.deleted ?? one.expires, rev: newRev(), words };
}

const replacement = ({ _id, ...replacement }: ChangeDocument) => ({
  replaceOne: { filter: { _id }, replacement, upsert: true },
});

/** Writes facts over what their changes say of them; resolves to the key of one that has no change. */
export async function writeFacts(heads: Heads, tenant: string, facts: readonly Lasting[]): Promise<string | undefined> {
  const ids = facts.map(({ id }) => id);
  const tops = await heads.facts((all) => all.find({ tenant, id: { $in: ids }, seq: { $gt: 0 } }).toArray());
  const history = await heads.changes((all) =>
    all.find({ tenant, id: { $in: ids }, deleted: { $ne: null } }).toArray(),
  );
  const [newTops, newHistory]: [Head[], ChangeDocument[]] = [[], []];
  for (const fact of facts) {
    const fits = (one: ChangeDocument) =>
      one.id === fact.id && one.key === fact.key && (one.deleted === null) === (fact.deleted === null);
    const top = tops.find(fits);
    const one = top ?? history.find(fits);
    if (!one) return fact.key;
    const changed = { ...documentOf(tenant, one.life, one, fact), deleted: fact.deleted, ends: fact.deleted };
    if (top) newTops.push(headOf(changed));
    else newHistory.push(changed);
  }
  await heads.bulk(CHANGES, newHistory.map(replacement));
  await heads.bulk(FACTS, newTops.map(replacement));
  return undefined;
}
