import { vectorOfBase64 } from "../../adapters/portable.ts";
import type { SnapshotRecord } from "../../adapters/role.ts";
import type { EmbeddingSpace, VectorStore } from "../../adapters/vector/contract.ts";

/** Chunks that the new store is asked for, and neighbours of each. */
const SAMPLE = 20;
const NEIGHBOURS = 10;

/** By how much the two ways to find a score may differ. */
const ROUNDING = 1e-5;

/** Picks chunks while they pass, each with the same chance. */
export class Sample {
  readonly #picked: SnapshotRecord[] = [];
  #seen = 0;

  take(record: SnapshotRecord): void {
    if (record.kind !== "chunk") return;
    this.#seen++;
    if (this.#picked.length < SAMPLE) this.#picked.push(record);
    else {
      const at = Math.floor(Math.random() * this.#seen);
      if (at < SAMPLE) this.#picked[at] = record;
    }
  }

  get size(): number {
    return this.#picked.length;
  }

  /** The share of the truly nearest that usual queries find, mean over the sample. Of those that are equally near any will do. */
  async recall(storeOf: (tenant: string) => VectorStore): Promise<number> {
    let sum = 0;
    for (const { tenant, vector, space } of this.#picked) {
      const query = {
        vector: vectorOfBase64("vector", vector),
        space: space as unknown as EmbeddingSpace,
        topK: NEIGHBOURS,
      };
      const store = storeOf(tenant);
      const exact = await store.query({ ...query, exact: true });
      const least = (exact.at(-1)?.score ?? 0) - ROUNDING;
      sum += (await store.query(query)).filter(({ score }) => score >= least).length / exact.length;
    }
    return sum / this.#picked.length;
  }
}
