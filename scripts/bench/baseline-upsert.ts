import { hash } from "node:crypto";
import type pg from "pg";
import { tagsOf } from "../../adapters/vector/tags.ts";
import { checkSpace } from "../../adapters/vector/validate.ts";
import type { BenchChunk } from "./data.ts";

/**
 * What an expert would write by hand: binary COPY into a staging table of its own, then one merge per table, as the same account and in one tenant
 * transaction. (COPY straight into the tables is refused under a policy.)
 */
export async function baselineUpsert(client: pg.Client, tenant: string, chunks: readonly BenchChunk[]): Promise<void> {
  const space = checkSpace((chunks[0] as BenchChunk).space);
  await client.query("begin");
  await client.query("select set_config('app.tenant', $1, true)", [tenant]);
  await client.query(`create temp table staging (chunk_id text, document_id text, uri text, position int4, content_hash bytea,
    text text, metadata jsonb, embedding vector, tags text[]) on commit drop`);
  await copy(client, "copy staging from stdin (format binary)", encode(chunks));
  await client.query("select agents.ensure_space($1, $2, $3, $4)", [
    space.provider,
    space.model,
    space.dimensions,
    space.normalised,
  ]);
  for (const text of [
    `insert into agents.documents as d (tenant_id, document_id, uri) select distinct on (document_id) $1, document_id, uri from staging
      on conflict (tenant_id, document_id) do update set uri = excluded.uri where excluded.uri is distinct from d.uri`,
    `insert into agents.chunks (tenant_id, chunk_id, document_id, position, content_hash, text, metadata)
      select $1, chunk_id, document_id, position, content_hash, text, metadata from staging
      on conflict (tenant_id, chunk_id) do update set document_id = excluded.document_id, position = excluded.position,
        content_hash = excluded.content_hash, text = excluded.text, metadata = excluded.metadata`,
    `delete from agents.chunk_tags t using staging s where t.tenant_id = $1 and t.chunk_id = s.chunk_id and t.tag <> all (s.tags)`,
    `insert into agents.chunk_tags (tenant_id, chunk_id, tag)
      select $1, s.chunk_id, n.tag from staging s, unnest(s.tags) n (tag) on conflict do nothing`,
    `insert into agents.chunk_vectors_${space.id} (tenant_id, space_id, chunk_id, embedding, metadata)
      select $1, '${space.id}', chunk_id, embedding, metadata from staging
      on conflict (tenant_id, chunk_id, space_id) do update set embedding = excluded.embedding, metadata = excluded.metadata`,
  ]) {
    await client.query(text, [tenant]);
  }
  const { command } = await client.query("commit");
  if (command !== "COMMIT") throw new Error("the baseline was rolled back");
}

/** Runs COPY FROM STDIN through the client's query queue; it has no public interface for it. */
function copy(client: pg.Client, text: string, pieces: Iterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: { query(text: string): void }) => connection.query(text),
      async handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
        // The server works on the piece before while this one is encoded.
        for (const piece of pieces) {
          connection.sendCopyFromChunk(piece);
          await new Promise(setImmediate);
        }
        connection.endCopyFrom();
      },
      handleError: reject,
      handleReadyForQuery: () => resolve(),
      handleCommandComplete() {},
      callback: () => {},
    };
    client.query(query as never);
  });
}

const PIECE = 500;

function* encode(chunks: readonly BenchChunk[]): Generator<Buffer> {
  yield Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
  for (let at = 0; at < chunks.length; at += PIECE) yield rows(chunks.slice(at, at + PIECE));
  yield Buffer.from([0xff, 0xff]);
}

function rows(chunks: readonly BenchChunk[]): Buffer {
  const parts: Buffer[] = [];
  for (const one of chunks) {
    const tags = tagsOf(one.metadata).map((tag) => Buffer.from(tag));
    const metadata = Buffer.from(`\x01${JSON.stringify(one.metadata)}`);
    const vector = Buffer.allocUnsafe(4 + one.vector.length * 4);
    vector.writeInt32BE(one.vector.length << 16, 0);
    const view = new DataView(vector.buffer, vector.byteOffset + 4);
    for (let i = 0; i < one.vector.length; i++) view.setFloat32(i * 4, one.vector[i] as number);
    const position = Buffer.allocUnsafe(4);
    position.writeInt32BE(one.position);
    const array = Buffer.allocUnsafe(20);
    [1, 0, 25, tags.length, 1].forEach((n, i) => void array.writeInt32BE(n, i * 4));
    const fields = [
      Buffer.from(one.id),
      Buffer.from(one.document),
      Buffer.from(one.uri ?? ""),
      position,
      Buffer.from(hash("sha256", one.text), "hex"),
      Buffer.from(one.text),
      metadata,
      vector,
      Buffer.concat([array, ...tags.flatMap((tag) => [length(tag), tag])]),
    ];
    const count = Buffer.allocUnsafe(2);
    count.writeInt16BE(fields.length);
    parts.push(count);
    for (const field of fields) parts.push(length(field), field);
  }
  return Buffer.concat(parts);
}

function length(of: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(of.length);
  return out;
}
