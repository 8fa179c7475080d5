import { textArray } from "../clients/binary.ts";
import type { Row, Statement } from "../clients/sql.ts";
import { StoreError } from "../errors.ts";
import type { Metadata } from "../input.ts";
import { tenantsOf } from "../portable.ts";
import type { Portable } from "../role.ts";
import { chunkRecord, documentRecord, importAll, type PortableChunk, type PortableDocument } from "./records.ts";
import { type Shared, SqlTenant } from "./sql-tenant.ts";
import { sharedLock } from "./sql-upsert.ts";
import { SqlWriter } from "./sql-writer.ts";

/** Rows that are read at a time, and bytes of text after which no further row is. */
const PAGE = 500;
const BYTES = 8 << 20;

/** All that the role keeps in a database, out and in. */
export function sqlPortable(shared: Shared): Portable {
  const read = async (tenant: string | null, statement: Statement): Promise<Row[]> => {
    const work = { tenant, repeatable: true, timeout: 0, statements: [statement] };
    return (await shared.account.run(work))[0] ?? [];
  };
  /** Page after page of rows; each has its key as `id`. */
  async function* pages(tenant: string, text: string): AsyncGenerator<Row> {
    for (let after = ""; ; ) {
      const rows = await read(tenant, { text, values: [tenant, after] });
      yield* rows;
      if (rows.length === 0) return;
      after = String(rows.at(-1)?.id);
    }
  }

  return {
    async *export({ tenant } = {}) {
      const all = async () => (await read(null, { text: TENANTS })).map((row) => String(row.tenant));
      for (const one of await tenantsOf(tenant, all)) {
        for await (const row of pages(one, CHUNKS)) yield chunkRecord(one, chunkOf(row));
        for await (const row of pages(one, DOCUMENTS)) yield documentRecord(one, row as unknown as PortableDocument);
      }
    },
    import: (records) =>
      importAll(records, {
        chunks: async (tenant, chunks) => (await new SqlWriter(new SqlTenant(shared, tenant)).upsert(chunks)).written,
        async documents(tenant, documents) {
          const statements = [sharedLock(tenant), documentsStatement(tenant, documents)];
          await shared.account.run({ tenant, repeatable: true, statements });
        },
      }),
  };
}

const TENANTS = "select tenant_id as tenant from agents.documents union select tenant_id from agents.chunks";

/** The sum comes before the rows are read in full, so that large texts make small pages. */
const CHUNKS = `
  select c.chunk_id as id, c.document_id as document, c.text, c.position, c.metadata,
    s.embed_provider as provider, s.embed_model as model, s.embed_dim as dimensions, s.embed_norm as normalised,
    encode(public.vector_send(v.embedding), 'hex') as vector
  from (
    select p.*, sum(octet_length(p.text)) over (order by p.chunk_id) - octet_length(p.text) as before
    from (
      select chunk_id, document_id, text, position, metadata from agents.chunks
      where tenant_id = $1 and chunk_id > $2 order by chunk_id limit ${PAGE}
    ) p
  ) c
  left join lateral (
    select space_id, embedding from agents.chunk_vectors v where v.tenant_id = $1 and v.chunk_id = c.chunk_id
    -- One vector travels with a chunk: that of the tenant's current space, else of the first by its id.
    order by v.space_id is distinct from (select u.space_id from agents.current_spaces u where u.tenant_id = $1), v.space_id limit 1
  ) v on true
  left join agents.spaces s on s.tenant_id = $1 and s.space_id = v.space_id
  where c.before < ${BYTES} order by c.chunk_id`;

const DOCUMENTS = `
  select document_id as id, uri from agents.documents
  where tenant_id = $1 and document_id > $2 order by document_id limit ${PAGE}`;

function chunkOf({ id, document, text, position, metadata, vector, ...space }: Row): PortableChunk {
  if (vector === null)
    throw new StoreError(
      "failed",
      "vector",
      `Chunk "${id}" has lost its vector.`,
      `Write document "${document}" again.`,
    );
  return {
    id: String(id),
    document: String(document),
    text: String(text),
    position: Number(position),
    metadata: metadata as Metadata,
    vector: vectorOfHex(String(vector)),
    space: space as unknown as PortableChunk["space"],
  };
}

/** Of the binary form: dimension and zero as int16, then float32, all big-endian. */
function vectorOfHex(hex: string): Float32Array {
  const bytes = Buffer.from(hex, "hex");
  return Float32Array.from({ length: bytes.length / 4 - 1 }, (_, i) => bytes.readFloatBE(4 + i * 4));
}

function documentsStatement(tenant: string, documents: readonly PortableDocument[]): Statement {
  const sorted = [...new Map(documents.map((one) => [one.id, one])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    text: `insert into agents.documents as d (tenant_id, document_id, uri)
      select $1, * from unnest($2::text[], $3::text[])
      on conflict (tenant_id, document_id) do update set uri = excluded.uri where excluded.uri is distinct from d.uri`,
    values: [tenant, textArray(sorted.map(({ id }) => id)), textArray(sorted.map(({ uri }) => uri))],
  };
}
