import { hash } from "node:crypto";
import type { Metadata } from "../input.ts";
import { byCodePoint } from "../order.ts";
import type { Move, VectorReindexing } from "./contract.ts";
import { heldBy, type Kept, keepVector, type Tenant } from "./inprocess-state.ts";
import { checkDroppable, checkLimit, checkMove, checkNew } from "./reindex-input.ts";
import { spacesState } from "./spaces.ts";
import { checkId, checkSpace } from "./validate.ts";

/** The steps of a move in memory: each is done before anything else happens. */
export function inprocessReindexing(mine: () => Tenant): VectorReindexing {
  const inSpace = (id: string) => [...mine().chunks.values()].filter(({ vectors }) => vectors.has(id));
  const missing = (move: Move): Kept[] => {
    const { from, to } = checkMove(move);
    return inSpace(from.id).filter(({ vectors }) => !vectors.has(to.id));
  };
  const mark = (current: string, previous: string | null) => {
    mine().marks = { current, previous };
  };

  return {
    state: async () => spacesState(heldBy(mine()), (id) => inSpace(id).length),
    countMissing: async (move) => missing(move).length,
    async missing(move, after, limit) {
      const behind = after === "" ? "" : checkId(after, "The id to go on behind");
      return missing(move)
        .filter(({ id }) => byCodePoint(id, behind) > 0)
        .sort((a, b) => byCodePoint(a.id, b.id))
        .slice(0, checkLimit(limit))
        .map(({ id, text, contentHash, metadata }) => {
          return { id, text, contentHash, metadata: structuredClone(metadata) as Metadata };
        });
    },
    async begin(move) {
      const { from } = checkMove(move);
      const { current, previous } = heldBy(mine());
      mark((current ?? from).id, previous?.id ?? null);
    },
    async add(move, vectors) {
      const { from, to } = checkMove(move);
      let written = 0;
      for (const { id, contentHash, vector } of checkNew(vectors, to)) {
        const kept = mine().chunks.get(id);
        if (kept?.contentHash !== contentHash || !kept.vectors.has(from.id) || kept.vectors.has(to.id)) continue;
        kept.vectors.set(to.id, keepVector(to, vector));
        written++;
      }
      return written;
    },
    async finish(to) {
      checkSpace(to);
    },
    async sample(move, count) {
      const { from, to } = checkMove(move);
      const most = checkLimit(count);
      const drawn = (id: string) => hash("sha256", id);
      return inSpace(from.id)
        .flatMap(({ id, vectors }) => {
          const [before, after] = [vectors.get(from.id), vectors.get(to.id)];
          return before && after ? [{ id, from: before.vector.slice(), to: after.vector.slice() }] : [];
        })
        .sort((a, b) => byCodePoint(drawn(a.id), drawn(b.id)))
        .slice(0, most);
    },
    async switch(move) {
      const { from, to } = checkMove(move);
      const left = missing(move).length;
      const { current } = heldBy(mine());
      if (left === 0 && (!current || current.id === from.id) && inSpace(to.id).length > 0) mark(to.id, from.id);
      return { missing: left };
    },
    async drop(move) {
      const checked = checkMove(move);
      checkDroppable(checked, heldBy(mine()).current);
      const all = inSpace(checked.from.id);
      const gone = all.filter(({ vectors }) => vectors.has(checked.to.id));
      for (const { vectors } of gone) vectors.delete(checked.from.id);
      return { removed: gone.length, kept: all.length - gone.length };
    },
  };
}
