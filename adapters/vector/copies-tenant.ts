import type { Beliefs } from "../beliefs.ts";
import type { Collections } from "./copies.ts";
import { type Held, heldSpaces } from "./spaces.ts";
import type { CheckedSpace } from "./validate.ts";

/** The spaces of a tenant, and how many chunks each has. */
export interface Counted extends Held {
  counts: ReadonlyMap<string, number>;
}

/** One tenant's collections, and what is remembered of them. */
export class CopiesTenant {
  readonly tenant: string;
  readonly collections: Collections;
  readonly #held: Beliefs<Counted>;

  constructor(tenant: string, collections: Collections, held: Beliefs<Counted>) {
    this.tenant = tenant;
    this.collections = collections;
    this.#held = held;
  }

  /** The tenant's spaces as they were less than a minute ago, if they were looked at. */
  known(): Counted | undefined {
    return this.#held.get(this.tenant);
  }

  forget(): void {
    this.#held.forget(this.tenant);
  }

  async spaces(): Promise<Counted> {
    const { spaces, marks } = await this.collections.look();
    const counted = await Promise.all(
      spaces.map(async (space) => ({ space, chunks: await this.collections.count(space) })),
    );
    const full = counted.filter(({ chunks }) => chunks > 0).sort((a, b) => (a.space.id < b.space.id ? -1 : 1));
    const counts = new Map(full.map(({ space, chunks }) => [space.id, chunks]));
    const all = full.map(({ space }) => space);
    const held = { ...heldSpaces(all, marks), counts };
    // Having none is not worth remembering: it ends with the first upsert, maybe in another process.
    if (all.length > 0) this.#held.set(this.tenant, held);
    else this.forget();
    return held;
  }

  /** Ids of the tenant's chunks, each once, in no order. */
  async ids(spaces: readonly CheckedSpace[], ...[filter]: [Parameters<Collections["ids"]>[1]?]): Promise<string[]> {
    const found = await Promise.all(spaces.map((space) => this.collections.ids(space, filter ?? null)));
    return found.length === 1 ? (found[0] as string[]) : [...new Set(found.flat())];
  }
}
