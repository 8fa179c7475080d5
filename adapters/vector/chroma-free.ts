import { isThere } from "../clients/chroma-errors.ts";
import { madeFor } from "./chroma-collections.ts";
import type { ChromaPlace } from "./chroma-place.ts";
import type { Collections } from "./copies.ts";
import type { CheckedSpace } from "./validate.ts";

/**
 * Frees the collection that a tenant has for a space, unless something is in it. It is taken out of sight first: whoever wrote into it looks afterwards whether it is still there, and else writes again. What was
 * written right before that is not to be seen until it is brought back.
 */
export async function freeSpace(
  place: ChromaPlace,
  collections: Collections,
  space: CheckedSpace,
): Promise<"dropped" | "used" | "absent"> {
  const hidden = `${space.id}.freed`;
  const all = await place.list();
  // One that is out of sight already was left by somebody who was broken off.
  const found = all.find(({ name }) => name === hidden) ?? all.find(({ name }) => name === space.id);
  if (!found) return "absent";
  if (found.name === space.id) {
    if ((await collections.count(space)) > 0) return "used";
    await place.modify(found.id, { new_name: hidden });
  }
  await place.list();
  if ((await place.ask(hidden, "count", {}, 0)) > 0) {
    await bringBack(place, hidden, found.id, space);
    return "used";
  }
  await place.removeCollection(hidden);
  return "dropped";
}

/** Somebody wrote meanwhile: the collection comes back into sight; where there is a new one by then, its records go there, unless these are newer. */
async function bringBack(place: ChromaPlace, hidden: string, id: string, space: CheckedSpace): Promise<void> {
  try {
    await place.modify(id, { new_name: space.id });
    await place.list();
  } catch (error) {
    if (!isThere(error)) throw error;
    const records = await place.get(hidden, { include: ["metadatas", "embeddings"] });
    await place.write(space.id, "add", records, madeFor(space));
    await place.removeCollection(hidden);
  }
}
