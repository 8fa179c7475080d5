import { hexArray, intArray, jsonbArray, textArray, vectorArray } from "../clients/binary.ts";
import type { Statement } from "../clients/sql.ts";
import type { Batch } from "./batches.ts";
import { tagsOf } from "./tags.ts";
import type { CheckedChunk, CheckedSpace } from "./validate.ts";

/**
 * The statements that write one batch. Every writer locks in the same order (documents by id, then chunks by id), so two writers of the same chunks
 * wait for each other instead of failing, and what a later statement reads includes what the earlier one waited for.
 *
 * What is looked up per row stands in a subquery with `offset 0`, which the planner must run per row: a join it would order by statistics that a
 * load has long outrun, and then compare every row with every row.
 *
 * Every statement names the tenant: an import runs them as the fleet's account, which no policy binds.
 */
export function upsertStatements(tenant: string, { chunks, documents }: Batch, vectorOid: number): Statement[] {
  const ids = textArray(chunks.map((c) => c.id));
  const tags = chunks.flatMap((c) => tagsOf(JSON.parse(c.metadata)).map((tag) => [c.id, tag] as const));
  const tagIds = textArray(tags.map(([id]) => id));
  const tagTexts = textArray(tags.map(([, tag]) => tag));
  const statements: Statement[] = [
    sharedLock(tenant),
    {
      // A document's row is locked even when its uri stays: deleting the document waits for this transaction.
      text: `insert into agents.documents as d (tenant_id, document_id, uri)
        select $1, * from unnest($2::text[], $3::text[])
        on conflict (tenant_id, document_id) do update set uri = excluded.uri
        where excluded.uri is not null and excluded.uri is distinct from d.uri`,
      values: [tenant, textArray(documents.map(([id]) => id)), textArray(documents.map(([, uri]) => uri))],
    },
    {
      text: `insert into agents.chunks (tenant_id, chunk_id, document_id, position, content_hash, text, metadata)
        select $1, * from unnest($2::text[], $3::text[], $4::int4[], $5::bytea[], $6::text[], $7::jsonb[])
        on conflict (tenant_id, chunk_id) do update set document_id = excluded.document_id, position = excluded.position,
          content_hash = excluded.content_hash, text = excluded.text, metadata = excluded.metadata`,
      values: [
        tenant,
        ids,
        textArray(chunks.map((c) => c.document)),
        intArray(chunks.map((c) => c.position)),
        hexArray(chunks.map((c) => c.contentHash)),
        textArray(chunks.map((c) => c.text)),
        jsonbArray(chunks.map((c) => c.metadata)),
      ],
    },
    {
      text: `delete from agents.chunk_tags where ctid = any (array(
        select t.ctid from unnest($2::text[]) i (id)
        cross join lateral (select t.ctid, t.chunk_id, t.tag from agents.chunk_tags t where t.tenant_id = $1 and t.chunk_id = i.id offset 0) t
        where (t.chunk_id, t.tag) not in (select * from unnest($3::text[], $4::text[]))))`,
      values: [tenant, ids, tagIds, tagTexts],
    },
    {
      // Not "on conflict", which takes twice as long: the chunk's row is locked, so nobody else is adding its tags.
      text: `insert into agents.chunk_tags (tenant_id, chunk_id, tag)
        select $1, n.* from unnest($2::text[], $3::text[]) n (chunk_id, tag)
        where not exists (select from agents.chunk_tags t where t.tenant_id = $1 and t.tag = n.tag and t.chunk_id = n.chunk_id offset 0)`,
      values: [tenant, tagIds, tagTexts],
    },
  ];
  for (const [space, members] of bySpace(chunks))
    statements.push(...spaceStatements(tenant, space, members, vectorOid));
  return statements;
}

const lockKey = "hashtextextended('agents.tenant.' || $1, 0)";

/** Lets writers of a tenant work side by side, and keeps them out while the tenant is deleted. */
export function sharedLock(tenant: string): Statement {
  return { text: `select pg_advisory_xact_lock_shared(${lockKey})`, values: [tenant] };
}

/** Waits for the tenant's writers and keeps new ones waiting until the transaction ends. */
export function exclusiveLock(tenant: string): Statement {
  return { text: `select pg_advisory_xact_lock(${lockKey})`, values: [tenant] };
}

function spaceStatements(tenant: string, space: CheckedSpace, chunks: CheckedChunk[], vectorOid: number): Statement[] {
  const ids = textArray(chunks.map((c) => c.id));
  return [
    {
      text: `insert into agents.spaces (tenant_id, space_id, embed_provider, embed_model, embed_dim, embed_norm)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      values: [tenant, space.id, space.provider, space.model, space.dimensions, space.normalised],
    },
    {
      // The last of equal ids wins, in whatever space the one before was. Costs nothing while the tenant has one space.
      text: `delete from agents.chunk_vectors v where v.tenant_id = $1 and v.chunk_id = any ($2::text[]) and v.space_id <> $3
          and exists (select from agents.spaces s where s.tenant_id = $1 and s.space_id <> $3)`,
      values: [tenant, ids, space.id],
    },
    {
      text: `insert into agents.chunk_vectors_${space.id} (tenant_id, space_id, chunk_id, embedding, metadata)
        select $1, $2, * from unnest($3::text[], $4::vector[], $5::jsonb[])
        on conflict (tenant_id, chunk_id, space_id) do update set embedding = excluded.embedding, metadata = excluded.metadata`,
      values: [
        tenant,
        space.id,
        ids,
        vectorArray(
          chunks.map((c) => c.vector),
          vectorOid,
        ),
        jsonbArray(chunks.map((c) => c.metadata)),
      ],
    },
  ];
}

function bySpace(chunks: CheckedChunk[]): Map<CheckedSpace, CheckedChunk[]> {
  const groups = new Map<CheckedSpace, CheckedChunk[]>();
  for (const chunk of chunks) {
    const group = groups.get(chunk.space);
    if (group) group.push(chunk);
    else groups.set(chunk.space, [chunk]);
  }
  return groups;
}
