import type { LogRecord } from "../clients/kafka.ts";

/** Bytes. */
const ROOM = 8 * 1024 * 1024;

/** The newest records of a log, by their places, for those who read what was just written. */
export class Recent {
  readonly #kept = new Map<number, Buffer>();
  #bytes = 0;

  get(offset: number): Buffer | undefined {
    return this.#kept.get(offset);
  }

  /** As a copy: what a record lies in is a whole answer. */
  keep({ offset, value }: LogRecord): void {
    this.#kept.set(offset, Buffer.from(value));
    this.#bytes += value.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= ROOM || oldest === offset) return;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}
