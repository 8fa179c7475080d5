import { setTimeout as sleep } from "node:timers/promises";
import type { AnyBulkWriteOperation, Collection, Db, Filter } from "mongodb";
import { Turns } from "../artifact/turns.ts";
import type { Mongo } from "../clients/mongodb.ts";
import { isDuplicate } from "../clients/mongodb-errors.ts";
import { StoreError } from "../errors.ts";
import {
  archived,
  BATCHES,
  type Batch,
  CHANGES,
  type ChangeDocument,
  FACTS,
  type Head,
  type Next,
  newRev,
} from "./mongodb-documents.ts";

/** How long a batch may be on its way before another takes it for dead, in microseconds. */
const STALE = 15_000_000;

/** The heads of a database: how they are read, and how one is changed. */
export class Heads {
  readonly mongo: Mongo;
  readonly turns = new Turns();
  /** Batches of this process that failed on their way: nobody has to wait for them. */
  readonly #dead = new Set<string>();

  constructor(mongo: Mongo) {
    this.mongo = mongo;
  }

  facts<T>(calls: (facts: Collection<Head>, db: Db) => Promise<T>): Promise<T> {
    return this.mongo.run((db) => calls(db.collection<Head>(FACTS), db));
  }
  changes<T>(calls: (changes: Collection<ChangeDocument>) => Promise<T>): Promise<T> {
    return this.mongo.run((db) => calls(db.collection<ChangeDocument>(CHANGES)));
  }
  batches<T>(calls: (batches: Collection<Batch>) => Promise<T>): Promise<T> {
    return this.mongo.run((db) => calls(db.collection<Batch>(BATCHES)));
  }

  /** Those that are there, by their `_id`; what was committed for them is done first. */
  async read(ids: readonly string[]): Promise<Map<string, Head>> {
    for (;;) {
      const found = await this.raw(ids);
      const batches = new Set(found.flatMap(({ pending }) => pending?.batch ?? []));
      let finished = false;
      for (const id of batches) {
        const batch = await this.batches((all) => all.findOne({ _id: id }));
        if (batch?.state !== "committed") continue;
        await this.finish(batch);
        finished = true;
      }
      if (!finished) return new Map(found.map((one) => [one._id, one]));
    }
  }

  raw(ids: readonly string[]): Promise<Head[]> {
    const [only] = ids;
    return this.facts(async (facts) => {
      if (only !== undefined && ids.length === 1) {
        const one = await facts.findOne({ _id: only });
        return one ? [one] : [];
      }
      return facts.find({ _id: { $in: [...ids] } }).toArray();
    });
  }

  /** Whether a batch that holds a head up is still on its way. One that is younger than `since`, or dead, is ended. */
  async isOpen(id: string, since: number): Promise<boolean> {
    const batch = await this.batches((all) => all.findOne({ _id: id }));
    if (batch?.state === "committed") await this.finish(batch);
    if (batch?.state !== "open") return false;
    const dead = this.#dead.has(id) || (await this.mongo.now()) - batch.at > STALE;
    if (!dead && batch.since <= since) return true;
    const { matchedCount } = await this.batches((all) =>
      all.updateOne({ _id: id, state: "open" }, { $set: { state: "aborted" } }),
    );
    return matchedCount === 0; // committed meanwhile, perhaps: the next look tells
  }

  /**
   * Changes one head until it succeeds: `act` says what becomes of the one that is there, or undefined where nothing does. Resolves to the head that was written. Within this process
   * changes of a key wait for each other, as they otherwise would by failing.
   */
  change(id: string, act: (head: Head | undefined, now: number) => Next | undefined): Promise<Head | undefined> {
    return this.turns.take(id, async () => {
      for (const retry = this.retry(); ; await retry()) {
        const head = (await this.read([id])).get(id);
        const now = await this.mongo.moments(1, head?.updated);
        // One that is asked for now is younger than every batch that is on its way.
        if (head?.pending && (await this.isOpen(head.pending.batch, now))) continue;
        const next = act(head, now);
        if (!next) return undefined;
        await this.forget(head);
        await this.archive(changesBefore(head, next));
        if (await this.replace(head, next.head)) return next.head;
      }
    });
  }

  /** Waits a little longer each time; throws where the time that a call may take is over. */
  retry(): () => Promise<void> {
    const deadline = performance.now() + this.mongo.place.timeout;
    let times = 0;
    return async () => {
      if (performance.now() > deadline)
        throw new StoreError(
          "timeout",
          "memory",
          "Others kept changing the same key.",
          "Repeat the call a little later.",
        );
      await sleep(Math.random() * Math.min(50, 2 ** ++times));
    };
  }

  async replace(old: Head | undefined, next: Omit<Head, "pending">): Promise<boolean> {
    const { _id, ...rest } = next;
    return this.facts(async (facts) => {
      if (old) return (await facts.replaceOne({ _id, rev: old.rev }, rest)).matchedCount === 1;
      try {
        await facts.insertOne(next);
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  /** What is left of a history that was being removed when its head is taken into use again. */
  async forget(head: Head | undefined): Promise<void> {
    if (head?.gone)
      await this.changes((all) => all.deleteMany({ tenant: head.tenant, key: head.key, life: head.life }));
  }

  /**
   * Writes changes to the history, over what is there: a head is the truth about its own change. That a fact's time was over is written before the change that it goes with, and
   * does not replace anything: until then no head has its number, and nobody sees it.
   */
  async archive({
    truths,
    notes,
  }: {
    truths: readonly ChangeDocument[];
    notes: readonly ChangeDocument[];
  }): Promise<void> {
    const writes = truths.map(({ _id, ...replacement }) => ({
      replaceOne: { filter: { _id }, replacement, upsert: true },
    }));
    // A note that came at the same moment is in the way once.
    if (!(await this.bulk(CHANGES, writes))) await this.bulk(CHANGES, writes);
    await this.bulk(
      CHANGES,
      notes.map((document) => ({ insertOne: { document } })),
    );
  }

  /** Many writes in no order; false where some found that their document was there already: another was quicker. */
  async bulk(name: string, writes: readonly object[]): Promise<boolean> {
    if (writes.length === 0) return true;
    return this.mongo.run(async (db) => {
      try {
        await db.collection(name).bulkWrite(writes as AnyBulkWriteOperation[], { ordered: false });
        return true;
      } catch (error) {
        const all = (error as { writeErrors?: unknown }).writeErrors;
        if (Array.isArray(all) && all.length > 0 ? all.every(isDuplicate) : isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  /** Decides that a batch counts; false where another ended it before. */
  async commit(_id: string): Promise<boolean> {
    const decide = { $set: { state: "committed" as const } };
    return (await this.batches((all) => all.updateOne({ _id, state: "open" }, decide))).matchedCount === 1;
  }

  /** Does what a committed batch says, as far as nobody else has. */
  async finish(batch: Batch): Promise<void> {
    const heads = (await this.raw(batch.heads)).filter(({ pending }) => pending?.batch === batch._id);
    const all = heads.map((head) => changesBefore(head, head.pending as Next));
    await this.archive({ truths: all.flatMap(({ truths }) => truths), notes: all.flatMap(({ notes }) => notes) });
    const writes = heads.map(({ _id, rev, pending }) => {
      const { _id: _, ...replacement } = (pending as Next).head;
      return { replaceOne: { filter: { _id, rev }, replacement } };
    });
    await this.bulk(FACTS, writes);
    await this.batches((all) => all.deleteOne({ _id: batch._id }));
  }

  /** Takes back what a batch that was not committed has left. */
  async withdraw({ _id, heads }: Batch): Promise<void> {
    const { matchedCount } = await this.batches((all) =>
      all.updateOne({ _id, state: { $ne: "committed" } }, { $set: { state: "aborted" } }),
    );
    if (matchedCount === 0) return;
    const mine = (await this.raw(heads)).filter(({ pending }) => pending?.batch === _id);
    const writes = mine.map((head) => {
      const filter = { _id: head._id, rev: head.rev };
      if (head.seq === 0) return { deleteOne: { filter } };
      return { updateOne: { filter, update: { $unset: { pending: true }, $set: { rev: newRev() } } } };
    });
    await this.bulk(FACTS, writes);
    await this.batches((all) => all.deleteOne({ _id }));
  }

  abandon(id: string): void {
    this.#dead.add(id);
  }

  /** Does what was committed and whose writer is gone, so that a search meets all of it or nothing. */
  async settle(filter: Filter<Batch>): Promise<void> {
    const committed = await this.batches((all) => all.find({ ...filter, state: "committed" }).toArray());
    for (const batch of committed) await this.finish(batch);
  }
}

/** What goes to the history before a change is made. */
const changesBefore = (head: Head | undefined, { expire }: Next) => ({
  truths: head && head.seq > 0 ? [archived(head)] : [],
  notes: expire ? [expire] : [],
});
