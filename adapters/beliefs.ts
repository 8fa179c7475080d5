/** How long something that was looked at is believed, in milliseconds. Being wrong may cost time, never answers. */
export const BELIEVED_MS = 60_000;
/** Of so many keys something is believed. */
export const MAX_BELIEFS = 10_000;

/** What was seen less than a minute ago, by key. */
export class Beliefs<T> {
  readonly #all = new Map<string, { until: number; value: T }>();

  get(key: string): T | undefined {
    const known = this.#all.get(key);
    return known && known.until > Date.now() ? known.value : undefined;
  }

  set(key: string, value: T): void {
    if (this.#all.size >= MAX_BELIEFS) this.#all.clear();
    this.#all.set(key, { until: Date.now() + BELIEVED_MS, value });
  }

  forget(key: string): void {
    this.#all.delete(key);
  }

  /** Everything whose key begins so. */
  forgetAll(start: string): void {
    for (const key of this.#all.keys()) if (key.startsWith(start)) this.#all.delete(key);
  }
}

/** What is believed, else what `learn` finds; who asks meanwhile waits for the same look. One that fails is not believed. */
export function remembered<T>(beliefs: Beliefs<Promise<unknown>>, key: string, learn: () => Promise<T>): Promise<T> {
  const known = beliefs.get(key);
  if (known) return known as Promise<T>;
  const value = learn();
  beliefs.set(key, value);
  value.catch(() => beliefs.forget(key));
  return value;
}
