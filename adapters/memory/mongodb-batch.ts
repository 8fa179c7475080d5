import { randomUUID } from "node:crypto";
import type { CheckedFact, Written } from "./backend.ts";
import {
  afterPut,
  type Batch,
  FACTS,
  type Head,
  headId,
  type Next,
  newRev,
  versionOf,
  writtenOf,
} from "./mongodb-documents.ts";
import type { Heads } from "./mongodb-heads.ts";

/**
 * Puts facts together without the server's transactions, which one that is alone does not have: each head is told what is to become of it and by which batch, and then one write of the
 * batch's own document decides about all. Of two that meet, the older goes on and the younger begins again, so that one always gets through.
 */
export async function putTogether(
  heads: Heads,
  tenant: string,
  facts: readonly CheckedFact[],
  actor: string | null,
): Promise<Written[]> {
  const since = await heads.mongo.now();
  const ids = facts.map(({ key }) => headId(tenant, key));
  for (const retry = heads.retry(); ; await retry()) {
    const batch: Batch = { _id: randomUUID(), tenant, since, at: await heads.mongo.now(), state: "open", heads: ids };
    let decided = false;
    try {
      await heads.batches((all) => all.insertOne(batch));
      const written = await take(heads, batch, facts, actor);
      decided = written !== undefined && (await heads.commit(batch._id));
      if (written && decided) {
        await heads.finish(batch);
        return written;
      }
      await heads.withdraw(batch);
    } catch (error) {
      if (!decided) heads.abandon(batch._id);
      throw error;
    }
  }
}

/** Tells every head what is to become of it; undefined where an older batch ended this one. */
async function take(
  heads: Heads,
  batch: Batch,
  facts: readonly CheckedFact[],
  actor: string | null,
): Promise<Written[] | undefined> {
  const first = await heads.mongo.moments(facts.length);
  const written = new Map<string, Written>();
  let left = facts.map((fact, at) => ({ fact, _id: headId(batch.tenant, fact.key), now: first + at }));
  for (const retry = heads.retry(); ; await retry()) {
    const found = await heads.read(left.map(({ _id }) => _id));
    const open = new Map<string, boolean>();
    const writes: object[] = [];
    for (const { fact, _id, now } of left) {
      const head = found.get(_id);
      const pending = head?.pending;
      if (pending?.batch === batch._id) {
        written.set(_id, writtenOf(pending.head));
        continue;
      }
      const other = pending?.batch;
      if (other !== undefined && !open.has(other)) open.set(other, await heads.isOpen(other, batch.since));
      if (other !== undefined && open.get(other)) continue;
      await heads.forget(head);
      writes.push(
        told(head, {
          ...afterPut(batch.tenant, head, fact, actor, Math.max(now, (head?.updated ?? 0) + 1)),
          batch: batch._id,
        }),
      );
    }
    left = left.filter(({ _id }) => !written.has(_id));
    if (left.length === 0) return [...written.values()];
    await heads.bulk(FACTS, writes);
    const mine = await heads.batches((all) => all.findOne({ _id: batch._id }));
    if (mine?.state !== "open") return undefined;
  }
}

function told(head: Head | undefined, pending: Next & { batch: string }): object {
  const { _id, tenant, key, life } = pending.head;
  const rev = newRev();
  if (head && !head.gone) return { updateOne: { filter: { _id, rev: head.rev }, update: { $set: { pending, rev } } } };
  const stub = { tenant, key, life, seq: 0, rev, words: [], pending };
  return head
    ? { replaceOne: { filter: { _id, rev: head.rev }, replacement: stub } }
    : { insertOne: { document: { _id, ...stub } } };
}

/** Whether the fact that is there has the version that is expected. */
export const isExpected = (head: Head | undefined, now: number, expected: number | undefined): boolean =>
  expected === undefined || expected === versionOf(head, now);
