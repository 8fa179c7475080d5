import { setTimeout as sleep } from "node:timers/promises";
import { isMoving } from "../clients/chroma-errors.ts";
import type { Metadata } from "../input.ts";
import { any, tagged, translated, type Where } from "./chroma-filter.ts";
import { type ChromaPlace, DOCUMENTS, type Listed } from "./chroma-place.ts";
import {
  copyIn,
  direction,
  type Kept,
  type Names,
  namesIn,
  recordsOf,
  vectorIn,
  withoutNulls,
} from "./chroma-records.ts";
import { type Collections, type Copy, type Found, type Marks, parts, type Uris, type VectorCopy } from "./copies.ts";
import { type FilterNode, matches } from "./filter.ts";
import { type CheckedSpace, checkSpace } from "./validate.ts";

/** Records of one message by their ids alone, with texts, with vectors. */
const IDS = 1_000;
const PAGE = 500;
/** So many of the nearest come with their texts. */
const FEW = 64;
/** Candidates that a walk through the graph keeps, at least. */
const EF = 128;
const TRIES = 10;

/** How documents are kept: the server wants a vector with everything, and nobody asks for these. */
const documentRecords = (documents: Uris) => ({
  ids: [...documents.keys()],
  embeddings: [...documents.keys()].map((_, i) => [i]),
  metadatas: [...documents.values()].map((uri): Kept => ({ known: true, uri })),
});

/** A tenant's collections on Chroma: a database, with a collection for each space and one for documents. */
export function chromaCollections(place: ChromaPlace, tenant: string): Collections {
  const names = new Map<string, Names>();
  const namesOf = ({ id }: CheckedSpace): Names => {
    const known = names.get(id) ?? namesIn(tenant, id);
    names.set(id, known);
    return known;
  };
  const idsWhere = async (space: CheckedSpace, where: Where | boolean): Promise<string[]> => {
    if (where === false) return [];
    return (await place.get(space.id, { include: [], ...(where !== true && { where }) })).ids;
  };
  const read = async (space: CheckedSpace, ids: readonly string[]): Promise<Copy[]> => {
    const found = new Map<string, Copy>();
    for (const some of parts(ids, PAGE)) {
      const page = await place.get(space.id, { ids: some, include: ["metadatas"] });
      for (const copy of copiesIn(namesOf(space), page)) found.set(copy.id, copy);
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  };
  const matching = async (space: CheckedSpace, ids: readonly string[], filter: FilterNode): Promise<string[]> => {
    const found: string[] = [];
    for (const some of parts(ids, PAGE))
      for (const { id, metadata } of await read(space, some)) if (matches(filter, metadata)) found.push(id);
    return found;
  };
  const write = (space: CheckedSpace, act: "upsert" | "add", copies: readonly VectorCopy[]) => {
    const records = recordsOf(namesOf(space), copies);
    const metadatas = act === "add" ? records.metadatas.map(withoutNulls) : records.metadatas;
    return place.write(space.id, act, { ...records, metadatas }, madeFor(space));
  };

  return {
    async look() {
      const all = await place.list();
      const marks = all.find(({ name }) => name === DOCUMENTS)?.metadata;
      const mark = (name: keyof Marks) => (marks?.[name] ? String(marks[name]) : null);
      return {
        spaces: all.flatMap(spaceOf),
        marks: { current: mark("current"), previous: mark("previous") },
      };
    },
    async mark({ current, previous }) {
      const id = await place.make(DOCUMENTS, {});
      await place.modify(id, { new_metadata: { current: current ?? "", previous: previous ?? "" } });
    },
    count: (space) => place.ask(space.id, "count", {}, 0),
    put: (space, copies) => write(space, "upsert", copies),
    add: (space, copies) => write(space, "add", copies),
    read,
    async readWhole(space, ids) {
      const found = new Map<string, VectorCopy>();
      for (const some of parts(ids, PAGE)) {
        const page = await place.get(space.id, { ids: some, include: ["metadatas", "embeddings"] });
        for (const [i, copy] of copiesIn(namesOf(space), page).entries())
          found.set(copy.id, {
            ...copy,
            vector: vectorIn(page.metadatas?.[i] ?? {}, page.embeddings?.[i] ?? []),
          });
      }
      return ids.flatMap((id) => found.get(id) ?? []);
    },
    async ids(space, filter) {
      if (!filter) return idsWhere(space, true);
      const { tag } = namesOf(space);
      const { where, ranges } = translated(namesOf(space), filter);
      if (typeof where === "boolean") return idsWhere(space, where);
      if (!where) return matching(space, await idsWhere(space, true), filter);
      // Of chunks whose tags do not say it all, their metadata is looked at.
      const untold = [tag.many, ...(ranges ? [tag.crowded] : [])];
      const [told, rest] = await Promise.all([idsWhere(space, where), idsWhere(space, any(untold.map(tagged)))]);
      if (rest.length === 0) return told;
      const looked = new Set(rest);
      return [...told.filter((id) => !looked.has(id)), ...(await matching(space, rest, filter))];
    },
    async remove(space, ids, versions) {
      const { version } = namesOf(space);
      const where = { [version]: "below" in versions ? { $lt: versions.below } : { $in: versions.among } };
      let removed = 0;
      for (const some of parts(ids, IDS))
        removed += (await place.ask(space.id, "delete", { ids: some, where }, { deleted: 0 })).deleted;
      return removed;
    },
    async removeDocument(space, document) {
      const where = tagged(namesOf(space).tag.document(document));
      const ids = await idsWhere(space, where);
      if (ids.length > 0) await place.ask(space.id, "delete", { where }, {});
      return ids;
    },
    async retell(space, documents) {
      const { tag } = namesOf(space);
      const moved = new Set<string>();
      for (const some of parts([...documents.keys()], PAGE)) {
        const ids = await idsWhere(space, any(some.map((document) => tagged(tag.document(document)))));
        for (const page of parts(await read(space, ids), PAGE)) {
          const other = page.filter(({ document, uri }) => documents.has(document) && documents.get(document) !== uri);
          if (other.length === 0) continue;
          const told = other.map(({ id }) => id);
          const metadatas = other.map(({ document }) => ({ uri: documents.get(document) ?? null }));
          await place.ask(space.id, "update", { ids: told, metadatas }, {});
          for (const { document } of await read(space, told)) if (!documents.has(document)) moved.add(document);
        }
      }
      return [...moved];
    },
    async nearest(space, vector, limit, among) {
      const whole = limit <= FEW;
      let ids = among;
      for (let tries = 1; ; tries++) {
        if (ids?.length === 0) return [];
        const body = {
          query_embeddings: [Array.from(direction(vector))],
          n_results: limit,
          include: whole ? ["distances", "metadatas"] : ["distances"],
          ...(ids && { ids }),
        };
        try {
          const answer = await place.ask<Nearest>(space.id, "query", body, { ids: [], distances: [], metadatas: null });
          return foundIn(answer, whole ? namesOf(space) : undefined);
        } catch (error) {
          // The server knows no vector of an id that is gone.
          if (!isMoving(error) || tries === TRIES) throw error;
          await sleep(10);
          if (among) ids = await there(place, space, among);
        }
      }
    },
    async compare(space, vector, ids) {
      const probe = direction(vector);
      const found: Found[] = [];
      for (const some of parts(ids, PAGE)) {
        const page = await place.get(space.id, { ids: some, include: ["embeddings"] });
        for (const [i, id] of page.ids.entries()) found.push({ id, score: product(probe, page.embeddings?.[i] ?? []) });
      }
      return found;
    },
    async documents(ids) {
      const found = new Map<string, string | null>();
      for (const some of parts(ids, IDS)) {
        const { ids: known, metadatas } = await place.get(DOCUMENTS, { ids: some, include: ["metadatas"] });
        for (const [i, id] of known.entries()) found.set(id, (metadatas?.[i]?.uri ?? null) as string | null);
      }
      return found;
    },
    documentIds: async () => (await place.get(DOCUMENTS, { include: [] })).ids,
    async putDocuments(documents, replaced) {
      for (const some of parts([...documents], IDS)) {
        const records = documentRecords(new Map(some));
        if (replaced) await place.write(DOCUMENTS, "upsert", records, {});
        else await place.write(DOCUMENTS, "add", { ...records, metadatas: records.metadatas.map(withoutNulls) }, {});
      }
    },
    async forgetDocument(document) {
      await place.ask(DOCUMENTS, "delete", { ids: [document], where: { known: true } }, {});
    },
  };
}

interface Nearest {
  ids: string[][];
  distances: number[][] | null;
  metadatas: (Kept | null)[][] | null;
}

/** The distance is what the product of two vectors of length 1 lacks of 1. */
const foundIn = ({ ids: [ids = []], distances, metadatas }: Nearest, names: Names | undefined) =>
  ids.map((id, i): Found & { copy?: Copy } => {
    const kept = names && metadatas?.[0]?.[i];
    const score = inRange(1 - (distances?.[0]?.[i] ?? 1));
    return { id, score, ...(kept && { copy: copyIn(names, id, kept) }) };
  });

const copiesIn = (names: Names, { ids, metadatas }: { ids: string[]; metadatas: (Kept | null)[] | null }): Copy[] =>
  ids.map((id, i) => copyIn(names, id, metadatas?.[i] ?? {}));

/** Those of some ids that are there. */
async function there(place: ChromaPlace, space: CheckedSpace, ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const some of parts(ids, IDS)) found.push(...(await place.get(space.id, { ids: some, include: [] })).ids);
  return found;
}

/** How a space's collection is made. */
export const madeFor = ({ id: _, ...space }: CheckedSpace) => ({
  configuration: { hnsw: { space: "ip", ef_search: EF } },
  metadata: space,
});

/** The space that a collection is for, if it is for one. */
function spaceOf({ name, metadata }: Listed): CheckedSpace[] {
  if (name === DOCUMENTS || !metadata?.dimensions) return [];
  const { provider, model, dimensions, normalised } = metadata as Metadata & CheckedSpace;
  const space = checkSpace({ provider, model, dimensions, normalised });
  return space.id === name ? [space] : [];
}

const inRange = (score: number) => Math.min(1, Math.max(-1, score));

function product(one: Float32Array, other: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += (one[i] as number) * (other[i] ?? 0);
  return inRange(sum);
}
