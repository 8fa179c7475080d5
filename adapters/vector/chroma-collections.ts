import type { Metadata } from "../input.ts";
import { chromaDocuments } from "./chroma-documents.ts";
import { any, tagged, translated, type Where } from "./chroma-filter.ts";
import { compare, nearest } from "./chroma-nearest.ts";
import { type ChromaPlace, DOCUMENTS, type Listed } from "./chroma-place.ts";
import { copyIn, type Kept, type Names, namesIn, recordsOf, vectorIn, withoutNulls } from "./chroma-records.ts";
import { type Collections, type Copy, type Marks, parts, type Uris, type VectorCopy, type Versions } from "./copies.ts";
import { type FilterNode, matches } from "./filter.ts";
import { type CheckedSpace, checkSpace } from "./validate.ts";

/** Records of one message by their ids alone, and with what they have. */
const IDS = 1_000;
const PAGE = 500;
/** Candidates that a walk through a graph keeps, at least. */
const EF = 128;

/** A tenant's collections on Chroma: a database, with a collection for each space and one for documents. */
export function chromaCollections(place: ChromaPlace, tenant: string): Collections {
  const spaces = new Spaces(place, tenant);
  return {
    async look() {
      const all = await place.list();
      const marks = all.find(({ name }) => name === DOCUMENTS)?.metadata;
      const mark = (name: keyof Marks) => (marks?.[name] ? String(marks[name]) : null);
      return { spaces: all.flatMap(spaceOf), marks: { current: mark("current"), previous: mark("previous") } };
    },
    async mark({ current, previous }) {
      const id = await place.make(DOCUMENTS, {});
      await place.modify(id, { new_metadata: { current: current ?? "", previous: previous ?? "" } });
    },
    count: (space) => place.ask(space.id, "count", {}, 0),
    put: (space, copies) => spaces.write(space, "upsert", copies),
    add: (space, copies) => spaces.write(space, "add", copies),
    read: (space, ids) => spaces.read(space, ids),
    readWhole: (space, ids) => spaces.readWhole(space, ids),
    ids: (space, filter) => (filter ? spaces.passing(space, filter) : spaces.ids(space, true)),
    remove: (space, ids, versions) => spaces.remove(space, ids, versions),
    removeDocument: (space, document) => spaces.removeDocument(space, document),
    retell: (space, documents) => spaces.retell(space, documents),
    nearest: (space, vector, limit, among) => nearest(place, space, spaces.names(space), { vector, limit, among }),
    compare: (space, vector, ids) => compare(place, space, vector, ids),
    ...chromaDocuments(place),
  };
}

/** The collections of a tenant's spaces. */
class Spaces {
  readonly #place: ChromaPlace;
  readonly #tenant: string;
  readonly #names = new Map<string, Names>();

  constructor(place: ChromaPlace, tenant: string) {
    this.#place = place;
    this.#tenant = tenant;
  }

  names({ id }: CheckedSpace): Names {
    const known = this.#names.get(id) ?? namesIn(this.#tenant, id);
    this.#names.set(id, known);
    return known;
  }

  async write(space: CheckedSpace, act: "upsert" | "add", copies: readonly VectorCopy[]): Promise<void> {
    const records = recordsOf(this.names(space), copies);
    const metadatas = act === "add" ? records.metadatas.map(withoutNulls) : records.metadatas;
    await this.#place.write(space.id, act, { ...records, metadatas }, madeFor(space));
  }

  async read(space: CheckedSpace, ids: readonly string[]): Promise<Copy[]> {
    const found = new Map<string, Copy>();
    for (const some of parts(ids, PAGE)) {
      const page = await this.#place.get(space.id, { ids: some, include: ["metadatas"] });
      for (const copy of this.#copies(space, page)) found.set(copy.id, copy);
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  async readWhole(space: CheckedSpace, ids: readonly string[]): Promise<VectorCopy[]> {
    const found = new Map<string, VectorCopy>();
    for (const some of parts(ids, PAGE)) {
      const page = await this.#place.get(space.id, { ids: some, include: ["metadatas", "embeddings"] });
      for (const [i, copy] of this.#copies(space, page).entries()) {
        const vector = vectorIn(page.metadatas?.[i] ?? {}, page.embeddings?.[i] ?? []);
        found.set(copy.id, { ...copy, vector });
      }
    }
    return ids.flatMap((id) => found.get(id) ?? []);
  }

  /** The chunks for which a condition holds. */
  async ids(space: CheckedSpace, where: Where | boolean): Promise<string[]> {
    if (where === false) return [];
    return (await this.#place.get(space.id, { include: [], ...(where !== true && { where }) })).ids;
  }

  /** The chunks for which a filter holds. */
  async passing(space: CheckedSpace, filter: FilterNode): Promise<string[]> {
    const { tag } = this.names(space);
    const { where, ranges } = translated(this.names(space), filter);
    if (typeof where === "boolean") return this.ids(space, where);
    if (!where) return this.#matching(space, await this.ids(space, true), filter);
    // Of chunks whose tags do not say it all, the metadata is looked at.
    const untold = [tag.many, ...(ranges ? [tag.crowded] : [])];
    const [told, rest] = await Promise.all([this.ids(space, where), this.ids(space, any(untold.map(tagged)))]);
    if (rest.length === 0) return told;
    const looked = new Set(rest);
    return [...told.filter((id) => !looked.has(id)), ...(await this.#matching(space, rest, filter))];
  }

  async remove(space: CheckedSpace, ids: readonly string[], versions: Versions): Promise<number> {
    const { version } = this.names(space);
    const where = { [version]: "below" in versions ? { $lt: versions.below } : { $in: versions.among } };
    let removed = 0;
    for (const some of parts(ids, IDS))
      removed += (await this.#place.ask(space.id, "delete", { ids: some, where }, { deleted: 0 })).deleted;
    return removed;
  }

  async removeDocument(space: CheckedSpace, document: string): Promise<string[]> {
    const where = tagged(this.names(space).tag.document(document));
    const ids = await this.ids(space, where);
    if (ids.length > 0) await this.#place.ask(space.id, "delete", { where }, {});
    return ids;
  }

  async retell(space: CheckedSpace, documents: Uris): Promise<string[]> {
    const { tag } = this.names(space);
    const moved = new Set<string>();
    for (const some of parts([...documents.keys()], PAGE)) {
      const ids = await this.ids(space, any(some.map((document) => tagged(tag.document(document)))));
      for (const page of parts(await this.read(space, ids), PAGE)) {
        const other = page.filter(({ document, uri }) => documents.has(document) && documents.get(document) !== uri);
        if (other.length === 0) continue;
        const told = other.map(({ id }) => id);
        const metadatas = other.map(({ document }) => ({ uri: documents.get(document) ?? null }));
        await this.#place.ask(space.id, "update", { ids: told, metadatas }, {});
        for (const { document } of await this.read(space, told)) if (!documents.has(document)) moved.add(document);
      }
    }
    return [...moved];
  }

  async #matching(space: CheckedSpace, ids: readonly string[], filter: FilterNode): Promise<string[]> {
    const found: string[] = [];
    for (const some of parts(ids, PAGE))
      for (const { id, metadata } of await this.read(space, some)) if (matches(filter, metadata)) found.push(id);
    return found;
  }

  #copies(space: CheckedSpace, { ids, metadatas }: { ids: string[]; metadatas: (Kept | null)[] | null }): Copy[] {
    return ids.map((id, i) => copyIn(this.names(space), id, metadatas?.[i] ?? {}));
  }
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
