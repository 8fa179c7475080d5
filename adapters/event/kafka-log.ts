import { setTimeout as sleep } from "node:timers/promises";
import type { Kafka, LogRecord, Piece, Place, Topic } from "../clients/kafka.ts";
import { isAnother, isOutside } from "../clients/kafka-errors.ts";
import { StoreError } from "../errors.ts";
import type { KeptEvent } from "./backend.ts";
import {
  act,
  type Command,
  contentsOf,
  encode,
  headOf,
  type LogEntry,
  type LogMachine,
  newAuthor,
  type Written,
} from "./kafka-commands.ts";
import { Recent } from "./kafka-recent.ts";
import { Gathering } from "./kafka-state.ts";
import { EventMachine } from "./machine.ts";
import { ringAll, streamKey } from "./wake.ts";

/** Bytes of records that are written together, at most: the topic takes 16 MiB. */
const BATCH = 12 * 1024 * 1024;
/** Bytes that are read around an older event, whose neighbours are mostly of other streams. */
const SPARSE = 64 * 1024;

interface Waiting {
  record: Buffer;
  n: number;
  resolve(outcome: unknown): void;
  reject(error: unknown): void;
}

/**
 * One tenant's log, and what it comes to. Each act is a record; everybody reads all records in their order, so everybody has the same streams, and whoever wrote one reads there
 * what came of it.
 */
export class TenantLog {
  readonly name: string;
  readonly #kafka: Kafka;
  readonly #tenant: string;
  readonly #author = newAuthor();
  /** Those of our acts that were not read back yet, by number. */
  readonly #told = new Map<number, Waiting>();
  #recent = new Recent();
  #topic: Topic | undefined;
  #machine: LogMachine = new EventMachine<LogEntry>();
  /** The first place that was not read yet. */
  #position = 0;
  /** Of a log whose beginning was let go: what stood there, as far as it was read. Nothing is known before it is whole. */
  #gathering: Gathering | undefined;
  #queue: Waiting[] = [];
  #flushing = false;
  #count = 0;
  /** By how much the broker's clock is ahead of ours, in milliseconds, as far as we know. */
  #ahead = 0;

  constructor(kafka: Kafka, tenant: string) {
    this.#kafka = kafka;
    this.#tenant = tenant;
    this.name = `${kafka.place.prefix}.${tenant}`;
  }

  /** Where to read on, of a log that is there. */
  get place(): Place | undefined {
    return this.#topic && { topic: this.#topic, from: this.#position };
  }

  /** The broker's clock, more or less. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** The streams as they are now. */
  async current(): Promise<LogMachine> {
    for (const deadline = performance.now() + this.#kafka.place.timeout; ; ) {
      const topic = await this.#found();
      if (!topic) return this.#machine;
      try {
        for (let end = Number.POSITIVE_INFINITY; this.#topic === topic && this.#position < end; ) {
          const piece = await this.#kafka.read(topic, this.#position);
          this.fold(topic, piece);
          end = piece.end;
        }
        if (this.#topic === topic) return this.#whole();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await this.#mend(error, topic);
      }
    }
  }

  /** Writes an act, and resolves to what came of it. */
  act<T>({ command, lines }: Written): Promise<T> {
    const n = ++this.#count;
    const record = encode({ ...command, by: this.#author, n }, lines);
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ record, n, resolve: resolve as (outcome: unknown) => void, reject });
      if (!this.#flushing) void this.#flush();
    });
  }

  /** The contents of events, in the order given; of those that were trimmed and let go meanwhile there are none. */
  async contents(entries: readonly LogEntry[]): Promise<KeptEvent[]> {
    const byOffset = Map.groupBy(entries, ({ offset }) => offset);
    const found = new Map<LogEntry, KeptEvent>();
    const take = ({ offset, value }: Pick<LogRecord, "offset" | "value">) => {
      const mine = byOffset.get(offset) ?? [];
      for (const [at, event] of contentsOf(value, mine).entries()) found.set(mine[at] as LogEntry, event);
    };
    const missing: number[] = [];
    for (const offset of byOffset.keys()) {
      const value = this.#recent.get(offset);
      if (value) take({ offset, value });
      else missing.push(offset);
    }
    for await (const record of this.#reread(missing.sort((a, b) => a - b)))
      if (byOffset.has(record.offset)) take(record);
    return entries.flatMap((entry) => found.get(entry) ?? []);
  }

  /** Records at these places and some between them, as far as they are still there. */
  async *#reread(places: readonly number[]): AsyncGenerator<LogRecord> {
    const deadline = performance.now() + this.#kafka.place.timeout;
    const first = this.#topic;
    for (let left = places; first && this.#topic?.id === first.id && left[0] !== undefined; ) {
      const topic = this.#topic;
      try {
        const { records, next } = await this.#kafka.read(topic, left[0], SPARSE);
        yield* records;
        left = left.filter((offset) => offset >= Math.max(next, (left[0] ?? 0) + 1));
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await this.#mend(error, topic);
        const start = isOutside(error) ? await this.#kafka.start(topic) : 0;
        left = left.filter((offset) => offset >= start);
      }
    }
  }

  /** Reads on, where a piece joins what was read: what was read before is passed over. */
  fold(topic: Topic, { from, records, next }: Piece): void {
    if (this.#topic !== topic || from > this.#position) return;
    for (const record of records) {
      if (record.offset < this.#position) continue;
      const head = headOf(record.value); // none: somebody else's
      const state = head?.do === "state" ? this.#gathering?.add(record.value) : undefined;
      if (state) {
        this.#begin(topic, state.of, state.machine);
        return;
      }
      if (head && head.do !== "state" && !this.#gathering) this.#apply(head as typeof head & Command, record);
      this.#position = record.offset + 1;
    }
    this.#position = Math.max(this.#position, next);
  }

  /** Lets go of what nobody needs any more of the log: what is there now is written at its end first. */
  async forget(write: (machine: LogMachine, of: number) => Buffer[]): Promise<void> {
    await this.current();
    const topic = this.#topic;
    if (!topic) return;
    const start = await this.#kafka.start(topic);
    const [machine, of] = [await this.current(), this.#position];
    const records = write(machine, of);
    let oldest = of;
    for (const { events } of machine.streams.values()) oldest = Math.min(oldest, events[0]?.offset ?? of);
    if (oldest - start <= records.length) return;
    for (const record of records) await this.#kafka.append(topic, [record], this.#position);
    await this.#kafka.forget(topic, oldest);
  }

  async #found(): Promise<Topic | undefined> {
    if (this.#topic) return this.#topic;
    const topic = await this.#kafka.topic(this.name);
    this.#topic ??= topic;
    return this.#topic;
  }

  #whole(): LogMachine {
    if (!this.#gathering) return this.#machine;
    throw new StoreError(
      "failed",
      "kafka",
      `The beginning of the log ${this.name} is missing.`,
      "Somebody removed it: restore a snapshot.",
    );
  }

  /** Looks for the log again where it is not what it was, and begins again where it is another one or begins later than where it was read. */
  async #mend(error: unknown, topic: Topic): Promise<void> {
    if (!isAnother(error)) throw error;
    await sleep(20);
    const now = await this.#kafka.topic(this.name);
    const start = now && isOutside(error) ? await this.#kafka.start(now) : 0;
    if (this.#topic !== topic) return;
    if (now?.id !== topic.id || isOutside(error)) this.#begin(now, start);
    else this.#topic = now;
  }

  /** At a place before which there is nothing, or `before`, or what is yet to be found. */
  #begin(topic: Topic | undefined, start: number, before?: LogMachine): void {
    this.#topic = topic;
    this.#machine = before ?? new EventMachine<LogEntry>();
    this.#position = start;
    this.#gathering = start > 0 && !before ? new Gathering() : undefined;
    this.#recent = new Recent();
  }

  #apply(head: Command & { by?: string; n?: number }, record: LogRecord): void {
    const outcome = act(this.#machine, head, record);
    if (head.do === "append" || head.do === "restoreEvents") this.#recent.keep(record);
    if (head.do === "append") ringAll(streamKey(this.#tenant, head.stream));
    if (head.do === "giveBack") ringAll(streamKey(this.#tenant, head.place.stream));
    const waiting = head.by === this.#author ? this.#told.get(head.n ?? 0) : undefined;
    if (!waiting) return;
    this.#ahead = record.at - Date.now();
    this.#told.delete(waiting.n);
    waiting.resolve(outcome);
  }

  /** Writes what waits, together, until nothing does. */
  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#queue.length > 0) {
      let [count, bytes] = [0, 0];
      for (const { record } of this.#queue) {
        bytes += record.length;
        if (count > 0 && bytes > BATCH) break;
        count++;
      }
      await this.#write(this.#queue.splice(0, count));
    }
    this.#flushing = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    for (const one of batch) this.#told.set(one.n, one);
    try {
      await this.#send(batch.map(({ record }) => record));
      await this.#readBack(batch);
    } catch (error) {
      // It may be there for all that the connection says: the log knows.
      if (error instanceof StoreError && error.code === "unavailable") await this.current().catch(() => undefined);
      for (const { n, reject } of batch) if (this.#told.delete(n)) reject(error);
    }
  }

  /** A log that is not there yet is made; one that went away took nothing. */
  async #send(records: readonly Buffer[]): Promise<void> {
    for (const deadline = performance.now() + this.#kafka.place.timeout; ; ) {
      const topic = await this.#found();
      if (!topic) {
        await this.#kafka.create(this.name);
        if (performance.now() > deadline)
          throw new StoreError("timeout", "kafka", `Topic ${this.name} does not come to be.`, "See the server's log.");
        await sleep(5);
        continue;
      }
      try {
        return this.fold(topic, await this.#kafka.append(topic, records, this.#position));
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await this.#mend(error, topic);
      }
    }
  }

  async #readBack(batch: readonly Waiting[]): Promise<void> {
    const waits = () => batch.some(({ n }) => this.#told.has(n));
    if (waits()) await this.current();
    if (waits())
      throw new StoreError("unavailable", "kafka", `The log ${this.name} was removed meanwhile.`, "Repeat the call.");
  }
}
