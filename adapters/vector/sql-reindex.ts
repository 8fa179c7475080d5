import { hexArray, textArray, vectorArray } from "../clients/binary.ts";
import type { Row, Statement } from "../clients/sql.ts";
import type { Metadata } from "../input.ts";
import type { ChunkText, VectorReindexing } from "./contract.ts";
import { type CheckedMove, checkDroppable, checkLimit, checkMove, checkNew, type NewVector } from "./reindex-input.ts";
import { spacesState } from "./spaces.ts";
import { byIndex } from "./sql-query.ts";
import type { SqlTenant } from "./sql-tenant.ts";
import { exclusiveLock, sharedLock } from "./sql-upsert.ts";
import type { SqlWriter } from "./sql-writer.ts";
import { checkId, checkSpace } from "./validate.ts";

/** Vectors that one transaction removes: the tenant's writers wait for it. */
const REMOVED_AT_ONCE = 5_000;

/** A part of the parent, by a constant: planned as that partition alone, and as nothing where there is none. */
const inSpace = (id: string, alias: string) =>
  `(select tenant_id, chunk_id, embedding from agents.chunk_vectors where space_id = '${id}') ${alias}`;
/** A lookup per row, by its offset: joins are ordered by statistics, which lag behind while a space fills. */
const alsoIn = (id: string, alias: string) =>
  `exists (select from agents.chunk_vectors v where v.space_id = '${id}' and v.chunk_id = ${alias}.chunk_id offset 0)`;
const missingFrom = ({ from, to }: CheckedMove) => `from ${inSpace(from.id, "o")} where not ${alsoIn(to.id, "o")}`;

/** The steps of a move over SQL, as the account that policies bind. */
export function sqlReindexing(at: SqlTenant, writer: SqlWriter): VectorReindexing {
  const run = (...statements: Statement[]): Promise<Row[][]> =>
    at.run({ repeatable: true, timeout: 0, settings: byIndex, statements });
  const counted = async (text: string) => Number((await run({ text }))[0]?.[0]?.n);

  return {
    async state() {
      const held = await at.spaces();
      const counts = new Map<string, number>();
      for (const { id } of held.spaces)
        counts.set(id, await counted(`select count(*)::float8 as n from ${inSpace(id, "o")}`));
      return spacesState(held, (id) => counts.get(id) ?? 0);
    },

    countMissing: async (move) => counted(`select count(*)::float8 as n ${missingFrom(checkMove(move))}`),

    async missing(move, after, limit) {
      const behind = after === "" ? "" : checkId(after, "The id to go on behind");
      const [rows = []] = await run({
        text: `select c.chunk_id as id, c.text, encode(c.content_hash, 'hex') as hash, c.metadata
          from (select o.chunk_id ${missingFrom(checkMove(move))} and o.chunk_id > $1 order by o.chunk_id limit $2) m
          cross join lateral (select * from agents.chunks c where c.chunk_id = m.chunk_id offset 0) c order by c.chunk_id`,
        values: [behind, checkLimit(limit)],
      });
      return rows.map(chunkText);
    },

    async begin(move, rows) {
      const { from, to } = checkMove(move);
      const { current } = await at.spaces();
      await writer.ensure(to);
      await run(sharedLock(at.tenant), {
        // A mark that means nothing any more gives way; any other stays.
        text: `insert into agents.current_spaces (tenant_id, space_id) values ($1, $2)
          on conflict (tenant_id) do update set space_id = excluded.space_id, previous_id = null
          where not exists (select from agents.chunk_vectors v where v.space_id = current_spaces.space_id)`,
        values: [at.tenant, (current ?? from).id],
      });
      await writer.begin(to, rows);
      at.forget(0);
    },

    async add(move, vectors) {
      const checked = checkMove(move);
      const added = checkNew(vectors, checked.to);
      const encode = (oid: number) => addStatements(at.tenant, checked, added, oid);
      const results = await writer.write([checked.to], encode(await at.shared.client.vectorOid()), encode);
      at.forget(added.length);
      return Number(results.at(-1)?.[0]?.n);
    },

    async finish(to) {
      await writer.build(checkSpace(to), Infinity);
      at.shared.paths.forget(at.tenant);
    },

    async sample(move, count) {
      const { from, to } = checkMove(move);
      const [rows = []] = await run({
        text: `select o.chunk_id as id, o.embedding::text as "from", n.embedding::text as "to"
          from ${inSpace(from.id, "o")} cross join lateral (select v.embedding from agents.chunk_vectors v
            where v.space_id = '${to.id}' and v.chunk_id = o.chunk_id offset 0) n
          order by hashtextextended(o.chunk_id, 0), o.chunk_id limit $1`,
        values: [checkLimit(count)],
      });
      const vector = (text: unknown) => Float32Array.from(JSON.parse(String(text)) as number[]);
      return rows.map((row) => ({ id: String(row.id), from: vector(row.from), to: vector(row.to) }));
    },

    async switch(move) {
      const checked = checkMove(move);
      // One statement sees one moment: what is written to `from` after it is no different from what is written after the switch.
      const results = await run(sharedLock(at.tenant), {
        text: `with missing as materialized (select count(*)::float8 as n ${missingFrom(checked)}),
          switched as (insert into agents.current_spaces as c (tenant_id, space_id, previous_id)
            select $1, $2, $3 from missing where n = 0 and exists (select from ${inSpace(checked.to.id, "n")})
            on conflict (tenant_id) do update set space_id = excluded.space_id, previous_id = excluded.previous_id, since = now()
            where c.space_id = excluded.previous_id
              or not exists (select from agents.chunk_vectors v where v.space_id = c.space_id))
          select n from missing`,
        values: [at.tenant, checked.to.id, checked.from.id],
      });
      at.forget(0);
      return { missing: Number(results.at(-1)?.[0]?.n) };
    },

    async drop(move) {
      const checked = checkMove(move);
      const { from, to } = checked;
      checkDroppable(checked, (await at.spaces()).current);
      let removed = 0;
      let after = "";
      for (let gone = REMOVED_AT_ONCE; gone === REMOVED_AT_ONCE; removed += gone) {
        // Alone, or an upsert that takes the chunk out of `to` could lose its only vector to us.
        const results = await run(exclusiveLock(at.tenant), {
          text: `with gone as (delete from agents.chunk_vectors where space_id = '${from.id}' and chunk_id = any (array(
              select o.chunk_id from ${inSpace(from.id, "o")} where ${alsoIn(to.id, "o")} and o.chunk_id > $1
              order by o.chunk_id limit ${REMOVED_AT_ONCE}))
              and not exists (select from agents.current_spaces c where c.space_id = '${from.id}') returning chunk_id)
            select count(*)::int4 as n, max(chunk_id) as last from gone`,
          values: [after],
        });
        const row = results.at(-1)?.[0];
        gone = Number(row?.n);
        after = String(row?.last ?? after);
      }
      at.forget(removed);
      return { removed, kept: await counted(`select count(*)::float8 as n from ${inSpace(from.id, "o")}`) };
    },
  };
}

function addStatements(tenant: string, { from, to }: CheckedMove, vectors: NewVector[], oid: number): Statement[] {
  const ids = textArray(vectors.map(({ id }) => id));
  return [
    sharedLock(tenant),
    // Locked, so that whoever changes or deletes one of them comes before, and is seen below, or after, and takes our vector away.
    {
      text: "select from agents.chunks where chunk_id = any ($1::text[]) order by chunk_id for no key update",
      values: [ids],
    },
    {
      text: `insert into agents.spaces (tenant_id, space_id, embed_provider, embed_model, embed_dim, embed_norm)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      values: [tenant, to.id, to.provider, to.model, to.dimensions, to.normalised],
    },
    {
      text: `with written as (
          insert into agents.chunk_vectors_${to.id} (tenant_id, space_id, chunk_id, embedding, metadata)
          select $1, $2, n.id, n.embedding, c.metadata from unnest($3::text[], $4::bytea[], $5::vector[]) n (id, hash, embedding)
          cross join lateral (select c.chunk_id, c.content_hash, c.metadata from agents.chunks c where c.chunk_id = n.id offset 0) c
          where c.content_hash = n.hash and ${alsoIn(from.id, "c")}
          on conflict (tenant_id, chunk_id, space_id) do nothing returning 1)
        select count(*)::int4 as n from written`,
      values: [
        tenant,
        to.id,
        ids,
        hexArray(vectors.map(({ contentHash }) => contentHash)),
        vectorArray(
          vectors.map(({ vector }) => vector),
          oid,
        ),
      ],
    },
  ];
}

const chunkText = (row: Row): ChunkText => ({
  id: String(row.id),
  text: String(row.text),
  contentHash: String(row.hash),
  metadata: row.metadata as Metadata,
});
