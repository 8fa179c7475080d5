import type pg from "pg";
import { jsonbArray, textArray } from "../../adapters/clients/binary.ts";
import type { BenchEntry } from "./search-data.ts";

/** What an expert would make by hand where nothing keeps tenants apart but their own statements: one table, a full-text index, and trigrams of its words. */
export async function makeBaseline(owner: pg.Client, fleet: string, name: string): Promise<void> {
  await owner.query("create extension if not exists pg_trgm schema public");
  await owner.query(`create table public.${name} (tenant_id text collate "C", id text collate "C", document text, title text, text text, metadata jsonb,
    words tsvector, primary key (tenant_id, id));
    create index on public.${name} using gin (words);
    create table public.${name}_words (tenant_id text collate "C", word text, primary key (tenant_id, word));
    create index on public.${name}_words using gin (word public.gin_trgm_ops);
    grant all on public.${name}, public.${name}_words to ${fleet}`);
}

/** Calls in a tenant's transaction, one round trip each. */
export function baseline(client: pg.Client, tenant: string, table: string) {
  const together = async (name: string, text: string, values: unknown[]) => {
    const [, , found] = await Promise.all([
      client.query("begin"),
      client.query({ name: "tenant", text: "select set_config('app.tenant', $1, true)", values: [tenant] }),
      client.query({ name, text, values }),
      client.query("commit"),
    ]);
    return found.rows as Record<string, unknown>[];
  };
  const find = async (text: string, limit = 10) => {
    const rows = await together(
      `find-${limit}`,
      `select b.*, d.document, d.title, d.text, d.metadata from (
          select id, ts_rank_cd(words, websearch_to_tsquery('english', $2), 33) as score from public.${table}
          where tenant_id = $1 and words @@ websearch_to_tsquery('english', $2) order by score desc, id limit ${limit}) b
        join public.${table} d on d.tenant_id = $1 and d.id = b.id order by b.score desc, b.id`,
      [tenant, text],
    );
    return rows.map(({ id }) => String(id));
  };
  /** The most similar word, after a search that found nothing. */
  const similar = async (word: string) => {
    const rows = await together(
      "similar",
      `select word from public.${table}_words where tenant_id = $1 and word operator(public.%) $2 order by public.similarity(word, $2) desc limit 1`,
      [tenant, word],
    );
    return String(rows[0]?.word ?? word);
  };
  return {
    async index(entries: readonly BenchEntry[]) {
      for (let at = 0; at < entries.length; at += 1_000) {
        const batch = entries.slice(at, at + 1_000);
        const values = [
          tenant,
          ...(["id", "document", "title", "text"] as const).map((field) => textArray(batch.map((one) => one[field]))),
          jsonbArray(batch.map(({ metadata }) => JSON.stringify(metadata))),
        ];
        await together(
          "index",
          `insert into public.${table} select $1, e.*, setweight(to_tsvector('english', e.title), 'A') || to_tsvector('english', e.text)
            from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) e (id, document, title, text, metadata)
            on conflict (tenant_id, id) do update set document = excluded.document, title = excluded.title, text = excluded.text,
              metadata = excluded.metadata, words = excluded.words`,
          values,
        );
      }
    },
    /** Words are collected once, after a load. */
    collect: () =>
      client.query(
        `insert into public.${table}_words select distinct tenant_id, lexeme from public.${table}, unnest(words) on conflict do nothing`,
      ),
    find,
    /** What is found, and else what the most similar word finds. */
    async mended(text: string): Promise<string[]> {
      const found = await find(text);
      return found.length > 0 ? found : find(await similar(text));
    },
  };
}
