import { setTimeout as sleep } from "node:timers/promises";
import { StoreError, type StoreErrorCode } from "../errors.ts";
import { type EventBackend, type KeptEvent, PAGE } from "./backend.ts";

/** Milliseconds between looks of one who is told of appends, since what tells him may be lost; and of one who is not. */
const LOOK = { told: 2_000, untold: 250 };

/** Remembers that it rang, so that nothing which is appended between a look and the wait after it goes unnoticed. */
export class Bell {
  #rang = false;
  #wake = () => {};

  readonly ring = (): void => {
    this.#rang = true;
    this.#wake();
  };

  clear(): void {
    this.#rang = false;
  }

  /** Until it rings, or so many milliseconds are over. */
  wait(milliseconds: number): Promise<void> {
    if (this.#rang) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Lets appends to a stream ring a bell; where nobody tells of them, it is looked more often. */
export async function hear(
  backend: Pick<EventBackend, "listen">,
  stream: string,
  bell: Bell,
): Promise<{ lookMs: number; stop(): Promise<void> }> {
  const stop = await backend.listen?.(stream, bell.ring).catch(() => undefined);
  return stop ? { lookMs: LOOK.told, stop } : { lookMs: LOOK.untold, async stop() {} };
}

/** What time may mend: a store that is full cannot even note what it hands out. */
const AWAY: readonly StoreErrorCode[] = ["unavailable", "timeout", "full"];

/** Repeats an act while the store is away, until it is done or `over`; undefined then. `again` is true from the second time on. */
export async function insist<T>(act: (again: boolean) => Promise<T>, over: () => boolean): Promise<T | undefined> {
  for (let pause = 25, again = false; ; again = true) {
    try {
      return await act(again);
    } catch (error) {
      if (!(error instanceof StoreError && AWAY.includes(error.code))) throw error;
      if (over()) return undefined;
      await sleep(pause);
      pause = Math.min(pause * 2, 1_000);
    }
  }
}

/** All that there is behind a version, then all that comes. */
export async function* followed(
  backend: EventBackend,
  stream: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<KeptEvent> {
  const over = () => signal?.aborted ?? false;
  const bell = new Bell();
  signal?.addEventListener("abort", bell.ring);
  const { lookMs, stop } = await hear(backend, stream, bell);
  try {
    for (let last = after; !over(); ) {
      bell.clear();
      const page = (await insist(() => backend.read(stream, last, PAGE, false), over)) ?? [];
      for (const event of page) {
        if (over()) return;
        yield event;
        last = event.version;
      }
      if (page.length === 0 && !over()) await bell.wait(lookMs);
    }
  } finally {
    signal?.removeEventListener("abort", bell.ring);
    await stop();
  }
}
