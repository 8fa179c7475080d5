import { hash } from "node:crypto";
import { byCodePoint } from "../order.ts";
import type { VectorReindexing } from "./contract.ts";
import { parts } from "./copies.ts";
import { repeatUris } from "./copies-documents.ts";
import type { CopiesTenant } from "./copies-tenant.ts";
import { type CheckedMove, checkDroppable, checkLimit, checkMove, checkNew } from "./reindex-input.ts";
import { spacesState } from "./spaces.ts";
import { type CheckedSpace, checkId, checkSpace } from "./validate.ts";

/** Copies that are read at a time. */
const PAGE = 500;

/**
 * The steps of a move. A copy in the new space has the version of the one in the old space that it was made of; it is added where there is none, and taken away again where the old one changed meanwhile, so
 * whoever writes the chunk wins.
 */
export function copiesReindexing(at: CopiesTenant): VectorReindexing {
  const { collections } = at;
  const versions = async (space: CheckedSpace, ids: readonly string[]) =>
    new Map((await collections.read(space, ids)).map(({ id, version }) => [id, version]));
  const idsOf = async ({ from, to }: CheckedMove) => {
    const [old, moved] = await Promise.all([collections.ids(from, null), collections.ids(to, null)]);
    return { old, moved: new Set(moved) };
  };
  const lacking = async (move: CheckedMove) => {
    const { old, moved } = await idsOf(move);
    return old.filter((id) => !moved.has(id));
  };
  const inBoth = async (move: CheckedMove) => {
    const { old, moved } = await idsOf(move);
    return old.filter((id) => moved.has(id));
  };

  /** Takes away the older one of two copies that differ: whoever wrote the newer one, or moved the older one, was broken off. */
  async function settle(move: CheckedMove): Promise<void> {
    const { from, to } = move;
    for (const ids of parts(await inBoth(move), PAGE)) {
      const [before, after] = await Promise.all([versions(from, ids), versions(to, ids)]);
      const older = (mine: Map<string, number>, other: Map<string, number>) =>
        [...mine].filter(([id, version]) => version < (other.get(id) ?? 0));
      for (const [space, some] of [
        [from, older(before, after)],
        [to, older(after, before)],
      ] as const)
        await collections.remove(space, ...idsAndVersions(some));
    }
  }

  return {
    async state() {
      const held = await at.spaces();
      return spacesState(held, (id) => held.counts.get(id) ?? 0);
    },
    countMissing: async (move) => (await lacking(checkMove(move))).length,
    async missing(move, after, limit) {
      const behind = after === "" ? "" : checkId(after, "The id to go on behind");
      const most = checkLimit(limit);
      const checked = checkMove(move);
      const all = (await lacking(checked)).filter((id) => byCodePoint(id, behind) > 0).sort(byCodePoint);
      const found = await collections.read(checked.from, all.slice(0, most));
      return found.map(({ id, text, hash, metadata }) => ({ id, text, contentHash: hash, metadata }));
    },
    async begin(move) {
      const checked = checkMove(move);
      const { current, previous } = await at.spaces();
      await collections.mark({ current: (current ?? checked.from).id, previous: previous?.id ?? null });
      await settle(checked);
      at.forget();
    },
    async add(move, vectors) {
      const { from, to } = checkMove(move);
      const given = new Map(checkNew(vectors, to).map((one) => [one.id, one]));
      const there = new Set((await collections.read(to, [...given.keys()])).map(({ id }) => id));
      const fitting = (await collections.read(from, [...given.keys()])).filter(
        ({ id, hash }) => given.get(id)?.contentHash === hash && !there.has(id),
      );
      if (fitting.length === 0) return 0;
      const ids = fitting.map(({ id }) => id);
      await collections.add(
        to,
        fitting.map((copy) => ({ ...copy, vector: given.get(copy.id)?.vector as Float32Array })),
      );
      const [before, after] = await Promise.all([versions(from, ids), versions(to, ids)]);
      const stale = fitting.filter(({ id, version }) => before.get(id) !== version);
      await collections.remove(to, ...idsAndVersions(stale.map(({ id, version }) => [id, version] as const)));
      // A document's uri may have changed since, which makes no new version of the chunk.
      await repeatUris(at, fitting);
      at.forget();
      return fitting.filter(({ id, version }) => before.get(id) === version && after.get(id) === version).length;
    },
    async finish(to) {
      checkSpace(to);
    },
    async sample(move, count) {
      const checked = checkMove(move);
      const most = checkLimit(count);
      const drawn = (id: string) => hash("sha256", id);
      const ids = (await inBoth(checked)).sort((a, b) => byCodePoint(drawn(a), drawn(b))).slice(0, most);
      const vectors = async (space: CheckedSpace) =>
        new Map((await collections.readWhole(space, ids)).map(({ id, vector }) => [id, vector]));
      const [before, after] = [await vectors(checked.from), await vectors(checked.to)];
      return ids.flatMap((id) => {
        const [from, to] = [before.get(id), after.get(id)];
        return from && to ? [{ id, from, to }] : [];
      });
    },
    async switch(move) {
      const checked = checkMove(move);
      const { from, to } = checked;
      await settle(checked);
      const { current, counts } = await at.spaces();
      const missing = (await lacking(checked)).length;
      if (missing === 0 && (!current || current.id === from.id) && counts.has(to.id))
        await collections.mark({ current: to.id, previous: from.id });
      at.forget();
      // What was written until the mark was there is missing, and the caller comes again.
      return { missing: (await lacking(checked)).length };
    },
    async drop(move) {
      const checked = checkMove(move);
      const { from, to } = checked;
      checkDroppable(checked, (await at.spaces()).current);
      await settle(checked);
      let removed = 0;
      for (const ids of parts(await inBoth(checked), PAGE)) {
        const [before, after] = await Promise.all([versions(from, ids), versions(to, ids)]);
        const moved = [...before].filter(([id, version]) => after.get(id) === version);
        removed += await collections.remove(from, ...idsAndVersions(moved));
      }
      at.forget();
      return { removed, kept: await collections.count(from) };
    },
  };
}

const idsAndVersions = (some: readonly (readonly [id: string, version: number])[]) =>
  [some.map(([id]) => id), { among: [...new Set(some.map(([, version]) => version))] }] as const;
