import { randomUUID } from "node:crypto";
import type { Beliefs } from "../beliefs.ts";
import type { Filter, Qdrant } from "../clients/qdrant.ts";
import { isKnownVector, isUnknownVector } from "../clients/qdrant-errors.ts";
import { StoreError } from "../errors.ts";
import { chunksOf, isAny } from "./qdrant-filter.ts";
import { type ChunkPayload, PAGE, point, pointId } from "./qdrant-points.ts";
import { type Held, heldSpaces } from "./spaces.ts";
import { type CheckedSpace, checkSpace } from "./validate.ts";

/** The spaces of a tenant, and how many chunks each has. */
export interface Counted extends Held {
  counts: ReadonlyMap<string, number>;
}

/** What all tenants' stores of one adapter share. */
export interface Shared {
  qdrant: Qdrant;
  /** By tenant: its spaces. A query that finds too little looks again. */
  held: Beliefs<Counted>;
  /** By id: spaces of which the collection has the vector. */
  spaces: Map<string, CheckedSpace>;
}

/** Points of one message, by their ids alone. */
const IDS = 1_000;

/** One tenant's part of the collection, and what is remembered of it. */
export class QdrantTenant {
  readonly shared: Shared;
  readonly tenant: string;

  constructor(shared: Shared, tenant: string) {
    this.shared = shared;
    this.tenant = tenant;
  }

  /** The tenant's spaces as they were less than a minute ago, if they were looked at. */
  known(): Counted | undefined {
    return this.shared.held.get(this.tenant);
  }

  async spaces(): Promise<Counted> {
    const { qdrant, held } = this.shared;
    const [{ hits }, [mark]] = await qdrant.run((client, name) =>
      Promise.all([
        client.facet(name, { key: "spaces", filter: chunksOf(this.tenant), limit: 10_000, exact: true }),
        client.retrieve(name, { ids: [pointId("tenant", this.tenant)] }),
      ]),
    );
    const counts = new Map(hits.map(({ value, count }) => [String(value), count] as const));
    const all: CheckedSpace[] = [];
    for (const id of [...counts.keys()].sort()) all.push(await this.space(id));
    const marks = { current: null, previous: null, ...mark?.payload } as Parameters<typeof heldSpaces>[1];
    const spaces = { ...heldSpaces(all, marks), counts };
    // Having none is not worth remembering: it ends with the first upsert, maybe in another process.
    if (all.length > 0) held.set(this.tenant, spaces);
    else held.forget(this.tenant);
    return spaces;
  }

  forget(): void {
    this.shared.held.forget(this.tenant);
  }

  /** What a space of this id is: a point of its own says so. */
  async space(id: string): Promise<CheckedSpace> {
    const known = this.shared.spaces.get(id);
    if (known) return known;
    const [found] = await this.shared.qdrant.run((client, name) =>
      client.retrieve(name, { ids: [pointId("space", id)] }),
    );
    if (!found?.payload)
      throw new StoreError(
        "failed",
        "vector",
        `The collection does not say what space ${id} is.`,
        "Write a chunk of that space again.",
      );
    const space = checkSpace(found.payload.space as CheckedSpace);
    this.shared.spaces.set(id, space);
    return space;
  }

  /** Makes the collection ready for a space. */
  async ensure(space: CheckedSpace): Promise<void> {
    if (this.shared.spaces.has(space.id)) return;
    const { id, ...said } = space;
    await this.shared.qdrant.run(async (client, name) => {
      const payload = { space: said };
      await client.upsert(name, { points: [{ id: pointId("space", id), vector: {}, payload }] });
      const dense = { size: space.dimensions, distance: "Cosine" as const };
      await client.createVectorName(name, id, { dense }).catch((error) => {
        if (!isKnownVector(error)) throw error;
      });
    });
    this.shared.spaces.set(id, space);
  }

  /** Writes points that have vectors in these spaces, which somebody may have freed meanwhile. */
  async write(
    spaces: readonly CheckedSpace[],
    points: ReturnType<typeof point>[],
    condition?: { update_filter: Filter; update_mode: "update_only" },
  ): Promise<void> {
    for (let again = false; ; again = true) {
      for (const space of spaces) await this.ensure(space);
      try {
        await this.shared.qdrant.run((client, name) => client.upsert(name, { points, ...condition }));
        return;
      } catch (error) {
        if (again || !(error instanceof StoreError) || !isUnknownVector(error.cause)) throw error;
        for (const { id } of spaces) this.shared.spaces.delete(id);
      }
    }
  }

  /**
   * Changes chunks that were read, each only if it still is what was read; resolves to how many were. `change` gives the new payload, whose `raw` has all its vectors.
   */
  async rewrite(read: readonly ChunkPayload[], change: (payload: ChunkPayload) => ChunkPayload): Promise<number> {
    let written = 0;
    for (let n = 0; n < read.length; n += PAGE) written += await this.#rewrite(read.slice(n, n + PAGE), change);
    return written;
  }

  async #rewrite(read: readonly ChunkPayload[], change: (payload: ChunkPayload) => ChunkPayload): Promise<number> {
    // A version of its own for each: one that several shared could be taken for what another of them was.
    const points = read.map((payload) => point({ ...change(payload), version: randomUUID() }));
    const names = [...new Set(points.flatMap(({ vector }) => Object.keys(vector)))];
    const spaces = await Promise.all(names.map((id) => this.space(id)));
    const versions = read.map(({ version }) => version);
    const still = { must: [isAny("version", versions)] };
    await this.write(spaces, points, { update_filter: still, update_mode: "update_only" });
    const ids = points.map(({ id }) => id);
    const found = await this.shared.qdrant.run((client, name) =>
      client.retrieve(name, { ids, with_payload: { include: ["version"] } }),
    );
    const now = new Map(found.map(({ id, payload }) => [id, payload?.version]));
    return points.filter(({ id, payload }) => now.get(id) === payload.version).length;
  }

  /** Points for which a filter holds. */
  async count(filter: Filter): Promise<number> {
    return (await this.shared.qdrant.run((client, name) => client.count(name, { filter, exact: true }))).count;
  }

  /** Chunks by their ids, in that order, those that are there; whole unless fewer fields will do. */
  async read(ids: readonly string[], fields?: readonly (keyof ChunkPayload)[]): Promise<ChunkPayload[]> {
    const found = new Map<string, ChunkPayload>();
    for (let n = 0; n < ids.length; n += PAGE) {
      const some = ids.slice(n, n + PAGE).map((id) => pointId("chunk", this.tenant, id));
      const points = await this.shared.qdrant.run((client, name) =>
        client.retrieve(name, { ids: some, with_payload: fields ? { include: [...fields] } : true }),
      );
      for (const { payload } of points) {
        const chunk = payload as unknown as ChunkPayload;
        found.set(chunk.id, chunk);
      }
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  /** A few fields of every chunk for which a filter holds, in no order that means anything, page by page. */
  async *pages(filter: Filter, fields: (keyof ChunkPayload)[]): AsyncGenerator<ChunkPayload[]> {
    let offset: string | number | undefined;
    do {
      const page = await this.shared.qdrant.run((client, name) =>
        client.scroll(name, {
          filter,
          limit: IDS,
          with_payload: { include: fields },
          ...(offset !== undefined && { offset }),
        }),
      );
      yield page.points.map(({ payload }) => payload as unknown as ChunkPayload);
      offset = (page.next_page_offset ?? undefined) as typeof offset;
    } while (offset !== undefined);
  }
}
