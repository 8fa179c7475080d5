import type { Metadata } from "../input.ts";
import { byCodePoint } from "../order.ts";
import { base64OfVector } from "../portable.ts";
import type { VectorReindexing } from "./contract.ts";
import { repeatUris } from "./qdrant-documents.ts";
import { chunksOf, inSpace } from "./qdrant-filter.ts";
import { graphs } from "./qdrant-graphs.ts";
import { type ChunkPayload, pointId, rawVector } from "./qdrant-points.ts";
import type { QdrantTenant } from "./qdrant-tenant.ts";
import { type CheckedMove, checkDroppable, checkLimit, checkMove, checkNew } from "./reindex-input.ts";
import { spacesState } from "./spaces.ts";
import { checkId, checkSpace } from "./validate.ts";

/** The steps of a move. A chunk is changed on condition that it still is what was read, so whoever writes it meanwhile wins. */
export function qdrantReindexing(at: QdrantTenant): VectorReindexing {
  const { qdrant } = at.shared;
  const inBoth = ({ from, to }: CheckedMove) => chunksOf(at.tenant, null, inSpace(from.id), inSpace(to.id));
  const lacking = ({ from, to }: CheckedMove) =>
    chunksOf(at.tenant, null, inSpace(from.id), { must_not: [inSpace(to.id)] });
  /** A document's uri may have changed since a chunk was read, which makes no new version of the chunk. */
  const rewrite: typeof at.rewrite = async (read, change) => {
    const written = await at.rewrite(read, change);
    await repeatUris(at, read);
    return written;
  };
  const mark = (current: string, previous: string | null) =>
    qdrant.run((client, name) => {
      const payload = { owner: at.tenant, current, previous };
      return client.upsert(name, { points: [{ id: pointId("tenant", at.tenant), vector: {}, payload }] });
    });

  return {
    async state() {
      const held = await at.spaces();
      return spacesState(held, (id) => held.counts.get(id) ?? 0);
    },
    countMissing: async (move) => at.count(lacking(checkMove(move))),
    async missing(move, after, limit) {
      const behind = after === "" ? "" : checkId(after, "The id to go on behind");
      const most = checkLimit(limit);
      // The server has no order by keyword: of all ids, the first few are kept.
      let first: string[] = [];
      for await (const page of at.pages(lacking(checkMove(move)), ["id"])) {
        const ids = page.map(({ id }) => id).filter((id) => byCodePoint(id, behind) > 0);
        first = [...first, ...ids].sort(byCodePoint).slice(0, most);
      }
      const found = await at.read(first, ["id", "text", "hash", "metadata"]);
      return found.map(({ id, text, hash, metadata }) => {
        return { id, text, contentHash: hash, metadata: JSON.parse(metadata) as Metadata };
      });
    },
    async begin(move) {
      const { from, to } = checkMove(move);
      await at.ensure(to);
      const { current, previous } = await at.spaces();
      await mark((current ?? from).id, previous?.id ?? null);
      at.forget();
    },
    async add(move, vectors) {
      const checked = checkMove(move);
      const { from, to } = checked;
      const given = new Map(checkNew(vectors, to).map((one) => [one.id, one]));
      const found = await at.read([...given.keys()]);
      const fitting = found.filter(
        ({ id, hash, raw }) => given.get(id)?.contentHash === hash && raw[from.id] && !raw[to.id],
      );
      const written = await rewrite(fitting, (payload) => ({
        ...payload,
        spaces: [...payload.spaces, to.id],
        raw: { ...payload.raw, [to.id]: base64OfVector(given.get(payload.id)?.vector as Float32Array) },
      }));
      at.forget();
      return written;
    },
    async finish(to) {
      checkSpace(to);
      await graphs(at);
    },
    async sample(move, count) {
      const checked = checkMove(move);
      const { from, to } = checked;
      // In order of the points' ids, which are hashes: drawn from all, and the same ones each time.
      const { points } = await qdrant.run((client, name) =>
        client.scroll(name, {
          filter: inBoth(checked),
          limit: checkLimit(count),
          with_payload: { include: ["id", "raw"] },
        }),
      );
      return points.map(({ payload }) => {
        const one = payload as unknown as ChunkPayload;
        return { id: one.id, from: rawVector(one, from.id), to: rawVector(one, to.id) };
      });
    },
    async switch(move) {
      const checked = checkMove(move);
      const { from, to } = checked;
      const { current, counts } = await at.spaces();
      if ((await at.count(lacking(checked))) === 0 && (!current || current.id === from.id) && counts.has(to.id))
        await mark(to.id, from.id);
      at.forget();
      // What was written until the mark was there is missing, and the caller comes again.
      return { missing: await at.count(lacking(checked)) };
    },
    async drop(move) {
      const checked = checkMove(move);
      const { from, to } = checked;
      checkDroppable(checked, (await at.spaces()).current);
      let removed = 0;
      for (let seen = 1; seen > 0; ) {
        seen = 0;
        for await (const page of at.pages(inBoth(checked), ["id"])) {
          seen += page.length;
          const found = await at.read(page.map(({ id }) => id));
          removed += await rewrite(
            found.filter(({ raw }) => raw[from.id] && raw[to.id]),
            ({ spaces, raw: { [from.id]: _, ...raw }, ...payload }) => {
              return { ...payload, raw, spaces: spaces.filter((id) => id !== from.id) };
            },
          );
        }
      }
      at.forget();
      return { removed, kept: await at.count(chunksOf(at.tenant, null, inSpace(from.id))) };
    },
  };
}
