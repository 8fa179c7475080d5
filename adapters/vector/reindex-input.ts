import { checkInteger, refuse } from "../input.ts";
import type { Move } from "./contract.ts";
import { spaceName } from "./spaces.ts";
import { type CheckedSpace, checkId, checkSpace, checkVector } from "./validate.ts";

const MOST = 1_000;

export interface CheckedMove {
  from: CheckedSpace;
  to: CheckedSpace;
}

export function checkMove({ from, to }: Move): CheckedMove {
  const move = { from: checkSpace(from), to: checkSpace(to) };
  if (move.from.id === move.to.id)
    refuse("vector", `Chunks cannot move from ${spaceName(from)} to itself.`, "Name another space.");
  return move;
}

export const checkLimit = (limit: number) => checkInteger("vector", limit, "The limit", 1, MOST);

export interface NewVector {
  id: string;
  contentHash: string;
  vector: Float32Array;
}

/** The last of equal ids stays; in order of ids, as every writer locks. */
export function checkNew(vectors: readonly NewVector[], { dimensions }: CheckedSpace): NewVector[] {
  checkInteger("vector", vectors.length, "The number of vectors", 0, MOST);
  const checked = vectors.map(({ id, contentHash, vector }) => {
    const about = `Chunk "${checkId(id, "A chunk id").slice(0, 80)}"`;
    if (!/^[0-9a-f]{64}$/.test(contentHash))
      refuse("vector", `${about}: its contentHash is no SHA-256.`, "Give what `missing` said.");
    return { id, contentHash, vector: checkVector(vector, dimensions, about) };
  });
  return [...new Map(checked.map((one) => [one.id, one])).values()];
}

/** Refuses to drop the space that answers. */
export function checkDroppable({ from }: CheckedMove, current: CheckedSpace | null): void {
  if (current?.id === from.id)
    refuse("vector", `${spaceName(current)} is the tenant's current space.`, "Switch to another one first.");
}
