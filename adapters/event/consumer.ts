import type { EventBackend, Handed, Place, Taken } from "./backend.ts";
import type { EventSubscription } from "./contract.ts";
import { Bell, hear, insist } from "./follow.ts";
import { groupIsGone } from "./problems.ts";

/** Milliseconds until an event that was handed out `count` times and failed comes again. */
const pauseAfter = (count: number) => Math.min(100 * 2 ** Math.min(count - 1, 20), 30_000);

interface ConsumerOptions {
  batch: number;
  ackMs: number;
  signal?: AbortSignal;
}

/** One consumer of a group: takes, hands over, and says what became of it. */
export class Consumer {
  readonly #backend: EventBackend;
  readonly #place: Place;
  readonly #options: ConsumerOptions;
  readonly #handle: (event: Handed) => Promise<void>;
  readonly #bell = new Bell();
  /** Handled, and not acknowledged yet. */
  #done: number[] = [];
  #closing = false;

  constructor(backend: EventBackend, place: Place, options: ConsumerOptions, handle: (event: Handed) => Promise<void>) {
    this.#backend = backend;
    this.#place = place;
    this.#options = options;
    this.#handle = handle;
  }

  async start(from: number | "now"): Promise<EventSubscription> {
    const { signal } = this.#options;
    await this.#backend.join(this.#place.stream, this.#place.group, from);
    const close = () => {
      this.#closing = true;
      this.#bell.ring();
    };
    if (signal?.aborted) close();
    signal?.addEventListener("abort", close);
    const ended = this.#run().finally(() => signal?.removeEventListener("abort", close));
    const closed = () => {
      close();
      return ended.catch(() => {}); // whoever wants to know looks at `ended`
    };
    return { ended, close: closed, [Symbol.asyncDispose]: closed };
  }

  readonly #over = () => this.#closing;

  async #run(): Promise<void> {
    const { lookMs, stop } = await hear(this.#backend, this.#place.stream, this.#bell);
    try {
      for (let known = false; !this.#closing; known = true) {
        this.#bell.clear();
        const taken = await this.#take(!known);
        if (taken.events.length > 0) await this.#handAll(taken.events);
        else if (!this.#closing) await this.#bell.wait(Math.min(lookMs, taken.dueMs ?? lookMs));
      }
      await this.#acknowledge();
    } finally {
      await stop();
    }
  }

  /** Acknowledges what was handled with it. One that is repeated may have been done before: its events are this consumer's, who does not know them yet. */
  async #take(first: boolean): Promise<Taken> {
    const { batch, ackMs } = this.#options;
    const taken = await insist(
      (again) => this.#backend.take(this.#place, { batch, ackMs, done: this.#done, resume: first || again }),
      this.#over,
    );
    if (taken) this.#done = [];
    else if (!this.#closing) throw groupIsGone(this.#place);
    return taken ?? { events: [], dueMs: null };
  }

  /** One after the other. The last acknowledgement goes with the next taking. */
  async #handAll(events: readonly Handed[]): Promise<void> {
    for (const [at, event] of events.entries()) {
      if (this.#closing) return this.#giveBack(events.slice(at), 0, false);
      if (this.#done.length > 0) await this.#acknowledge();
      try {
        await this.#handle(event);
        this.#done.push(event.version);
      } catch {
        await this.#giveBack([event], pauseAfter(event.count), true);
      }
    }
  }

  async #acknowledge(): Promise<void> {
    if (this.#done.length === 0) return;
    await insist(() => this.#backend.acknowledge(this.#place, this.#done), this.#deadline());
    this.#done = [];
  }

  async #giveBack(events: readonly Handed[], delayMs: number, seen: boolean): Promise<void> {
    const versions = events.map(({ version }) => version);
    await insist(() => this.#backend.giveBack(this.#place, versions, delayMs, seen), this.#deadline());
  }

  /** Then another has it, and there is nothing left to say. */
  #deadline(): () => boolean {
    const until = performance.now() + this.#options.ackMs;
    return () => performance.now() > until;
  }
}
