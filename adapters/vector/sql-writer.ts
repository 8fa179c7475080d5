import { BELIEVED_MS, MAX_BELIEFS } from "../beliefs.ts";
import { type Row, type Statement, sqlState } from "../clients/sql.ts";
import { StoreError } from "../errors.ts";
import { batches } from "./batches.ts";
import type { Chunk } from "./contract.ts";
import { byIndex } from "./sql-query.ts";
import type { SqlTenant } from "./sql-tenant.ts";
import { sharedLock, upsertStatements } from "./sql-upsert.ts";
import { type CheckedSpace, checkId } from "./validate.ts";

/** So many rows written are a reason to look whether a space needs its index, however recent the last look was. */
const BUILD_ROWS = 500;

/** Changes one tenant's chunks. */
export class SqlWriter {
  readonly #at: SqlTenant;

  constructor(at: SqlTenant) {
    this.#at = at;
  }

  async upsert(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): Promise<{ written: number }> {
    let written = 0;
    let sending: Promise<unknown> = Promise.resolve();
    const expected = Array.isArray(chunks) ? chunks.length : 0;
    let announced = this.#at.shared.indexFrom;
    const spaces = new Map<string, CheckedSpace>();
    try {
      for await (const batch of batches(chunks)) {
        for (const { space } of batch.chunks) spaces.set(space.id, space);
        for (const space of spaces.values()) await this.ensure(space);
        if (Math.max(expected, written) >= announced) {
          await sending; // it holds what dropping an index waits for
          for (const space of spaces.values()) await this.begin(space, Math.max(expected, written));
          announced = 2 * Math.max(expected, written);
        }
        // The server works on the batch before while this one is encoded.
        const encode = (oid: number) => upsertStatements(this.#at.tenant, batch, oid);
        const statements = encode(await this.#at.shared.client.vectorOid());
        await sending;
        sending = this.write(new Set(batch.chunks.map(({ space }) => space)), statements, encode);
        sending.catch(() => {}); // awaited above or below; a source that throws first must not leave it unheard
        written += batch.chunks.length;
      }
    } finally {
      await sending;
    }
    for (const space of spaces.values()) await this.build(space, written);
    this.#at.forget(written);
    return { written };
  }

  /**
   * Sends statements that name the tables of these spaces and the oid of `vector`. After a restore the type has another oid, and a space that was
   * dropped has no table: then both are looked up again, once, and what `encode` makes of the oid is sent.
   */
  async write(
    spaces: Iterable<CheckedSpace>,
    statements: Statement[],
    encode: (oid: number) => Statement[],
  ): Promise<Row[][]> {
    const send = (all: Statement[]) => this.#at.run({ repeatable: true, settings: byIndex, statements: all });
    try {
      return await send(statements);
    } catch (error) {
      const state = sqlState(error);
      if (state !== "42804" && state !== "42P01") throw error;
      this.#at.shared.ensured.clear();
      for (const space of spaces) await this.ensure(space);
      return send(encode(await this.#at.shared.client.vectorOid(true)));
    }
  }

  /** Makes a space usable for the tenant. */
  async ensure(space: CheckedSpace): Promise<void> {
    const key = `${this.#at.tenant} ${space.id}`;
    if (this.#at.shared.ensured.has(key)) return;
    const [rows] = await this.#at.run({ repeatable: true, statements: [ensureSpace(space)] });
    if (rows?.[0]?.id !== space.id)
      throw new StoreError("failed", "vector", "The database names spaces differently.", "Migrate it: npm run migrate");
    if (this.#at.shared.ensured.size >= MAX_BELIEFS) this.#at.shared.ensured.clear();
    this.#at.shared.ensured.add(key);
  }

  /** Announces a large load: its index may be in the way. */
  async begin(space: CheckedSpace, rows: number): Promise<void> {
    await this.#at.run({
      statements: [ensureSpace(space), { text: "select agents.begin_load($1, $2)", values: [space.id, rows] }],
    });
  }

  /** Looks whether the space is worth an index; not after each of many small upserts. */
  async build(space: CheckedSpace, written: number): Promise<void> {
    const { built } = this.#at.shared;
    const last = built.get(space.id);
    const rows = written + (last?.rows ?? 0);
    if (last && last.until > Date.now() && rows < BUILD_ROWS) {
      last.rows = rows;
      return;
    }
    built.set(space.id, { until: Date.now() + BELIEVED_MS, rows: 0 });
    const statements = [{ text: "select agents.build_space($1, $2)", values: [space.id, this.#at.shared.indexFrom] }];
    await this.#at.run({ repeatable: true, timeout: 0, statements }).catch((error) => {
      // The tenant was deleted since, or the space dropped: what was written is gone, and needs no index.
      if (sqlState(error) !== "42704" && sqlState(error) !== "42P01") throw error;
    });
  }

  async deleteByDocument(document: string): Promise<{ deleted: number }> {
    const values = [checkId(document, "The document id")];
    const these = "any (array(select chunk_id from agents.chunks where document_id = $1))";
    const results = await this.#at.run({
      statements: [
        sharedLock(this.#at.tenant),
        // First, as every writer does: one that is adding to the document is waited for, and its chunks go too.
        { text: "delete from agents.documents where document_id = $1", values },
        // None of them can move to another document now while the rest of it is deleted.
        { text: "select from agents.chunks where document_id = $1 order by chunk_id for update", values },
        { text: `delete from agents.chunk_tags where chunk_id = ${these}`, values },
        { text: `delete from agents.chunk_vectors where chunk_id = ${these}`, values },
        {
          text: "with gone as (delete from agents.chunks where document_id = $1 returning 1) select count(*)::int4 as n from gone",
          values,
        },
      ],
    });
    const deleted = Number(results.at(-1)?.[0]?.n);
    this.#at.forget(deleted);
    return { deleted };
  }
}

function ensureSpace({ provider, model, dimensions, normalised }: CheckedSpace): Statement {
  const text = "select agents.ensure_space($1, $2, $3, $4) as id";
  return { text, values: [provider, model, dimensions, normalised] };
}
