import { StoreError } from "../errors.ts";
import type { EmbeddingSpace, SpacesState } from "./contract.ts";
import type { CheckedQuery, CheckedSpace } from "./validate.ts";

/** The spaces where a tenant has chunks, by id. */
export interface Held {
  spaces: readonly CheckedSpace[];
  /** Where a query without a space goes, if that is clear. */
  current: CheckedSpace | null;
  /** Where it went before the last switch. */
  previous: CheckedSpace | null;
}

/** What the marks of a tenant (ids of spaces) mean, given where it has chunks: a mark counts for as long as it does. */
export function heldSpaces(
  spaces: readonly CheckedSpace[],
  marks: { current: string | null; previous: string | null },
): Held {
  const find = (id: string | null) => spaces.find((one) => one.id === id) ?? null;
  const only = spaces.length === 1 ? (spaces[0] ?? null) : null;
  return { spaces, current: find(marks.current) ?? only, previous: find(marks.previous) };
}

/** The space a query runs in, given those where the tenant has chunks; null when it has none. Throws `StoreError` code `invalid`. */
export function chooseSpace({ spaces, current }: Held, { space, vector }: CheckedQuery): CheckedSpace | null {
  if (spaces.length === 0) return null;
  const refuse = (what: string, mend: string): never => {
    throw new StoreError("invalid", "vector", what, mend);
  };
  const names = spaces.map(spaceName).join("; ");
  if (space) {
    const known = spaces.find((one) => one.id === space.id);
    return known ?? refuse(`The tenant has no chunks in space ${spaceName(space)}.`, `It has: ${names}.`);
  }
  if (!current) return refuse("The tenant has several spaces.", `Give the query's space: ${names}.`);
  if (vector.length !== current.dimensions) {
    refuse(
      `The query has ${vector.length} numbers, the tenant's space ${current.dimensions}.`,
      `Embed it with ${spaceName(current)}.`,
    );
  }
  return current;
}

/** A space as people name it, e.g. `openai/text-embedding-3-small (1536, normalised)`. */
export function spaceName({ provider, model, dimensions, normalised }: EmbeddingSpace): string {
  return `${provider}/${model} (${dimensions}${normalised ? ", normalised" : ""})`;
}

/** A space as the contract shows it, without our id. */
export function plainSpace({ id: _, ...space }: CheckedSpace): EmbeddingSpace {
  return space;
}

/** A tenant's spaces as the contract shows them, with how many chunks each has. */
export function spacesState({ spaces, current, previous }: Held, chunksIn: (id: string) => number): SpacesState {
  return {
    spaces: spaces.map((space) => ({ space: plainSpace(space), chunks: chunksIn(space.id) })),
    current: current && plainSpace(current),
    previous: previous && plainSpace(previous),
  };
}
