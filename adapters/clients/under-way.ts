import { StoreError } from "../errors.ts";

/** The calls of a client that are under way. */
export interface UnderWay {
  /** Makes a call that `drained` waits for. Throws `StoreError` code `invalid` after that. */
  call<T>(make: () => Promise<T>): Promise<T>;
  /** Lets no further call begin, and resolves when those under way have ended, however. */
  drained(): Promise<void>;
}

export function underWay(store: string): UnderWay {
  const busy = new Set<Promise<unknown>>();
  let closed = false;
  return {
    async call(make) {
      if (closed) throw new StoreError("invalid", store, "The store was closed.", "Open it again.");
      const running = make();
      busy.add(running);
      try {
        return await running;
      } finally {
        busy.delete(running);
      }
    },
    async drained() {
      closed = true;
      await Promise.allSettled(busy);
    },
  };
}
