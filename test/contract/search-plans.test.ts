import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SqlClient, Statement } from "../../adapters/clients/sql.ts";
import { sqlClient } from "../../adapters/clients/sql-shared.ts";
import { openFleet, openStores, type Stores } from "../../adapters/index.ts";
import { OUTSIDE, partOf } from "../../adapters/runs.ts";
import {
  byKey,
  deleteStatements,
  everything,
  indexStatements,
  removeRunStatements,
} from "../../adapters/search/sql-index.ts";
import { ask, bySearch, find, known, similar } from "../../adapters/search/sql-query.ts";
import { checkEntry, checkQuery } from "../../adapters/search/validate.ts";
import { storesUnderTest } from "./under-test.ts";

// What only the planner knows: each statement of the search role goes through an index, as the account that policies bind, for a tenant that has
// most of the rows and for one that has few of them, and before the server has analysed anything.

const LARGE = "plans-large";
const SMALL = "plans-small";
const sql = (await storesUnderTest("search")).filter(({ app }) => /^(postgres|pglite):/.test(app.SEARCH_URL ?? ""));

describe.each(sql)("plans of search on $name", ({ name, app, admin }) => {
  const rows = name === "pglite" ? 2_000 : 100_000;
  let mine: SqlClient;
  let stores: Stores;
  beforeAll(async () => {
    mine = sqlClient(app.SEARCH_URL ?? "", "search");
    stores = openStores(app);
    const all = sqlClient(admin.SEARCH_URL ?? "", "search");
    await load(all, LARGE, rows);
    await load(all, SMALL, 300);
    await all.close();
  }, 600_000);
  afterAll(async () => {
    const fleet = openFleet(admin);
    for (const tenant of [LARGE, SMALL]) await fleet.deleteTenant(tenant);
    await Promise.all([fleet.close(), stores.close(), mine.close()]);
  }, 120_000);

  const explain = async (
    tenant: string,
    settings: Record<string, string>,
    before: Statement[],
    statement: Statement,
  ) => {
    const { text, values = [] } = statement;
    const explained = { text: `explain (costs off) ${text}`, values };
    const answers = await mine.run({ tenant, settings, statements: [...before, explained] });
    const plan = (answers.at(-1) ?? []).map((row) => String(row["QUERY PLAN"])).join("\n");
    expect(plan).not.toContain("Seq Scan on search_");
    return plan;
  };

  it.each([LARGE, SMALL])("finds through the full-text index (%s)", async (tenant) => {
    for (const text of ["rare", "common", "common rare", '"common word1"', "word1 or word2", "-common"]) {
      for (const [more, part] of [
        [{}],
        [{ filter: { n: { lt: 5 } } }],
        [{ highlight: true }],
        [{}, OUTSIDE],
        [{}, partOf("1")],
      ] as const) {
        const asked = checkQuery({ text, ...more });
        const before = [ask(tenant, "english", text, tenant === SMALL, part)];
        const plan = await explain(tenant, bySearch, before, find(asked, { start: "a", stop: "b" }));
        expect(plan).toContain("Bitmap Index Scan on search_lexemes_words");
        expect(plan).toContain("search_documents_pkey");
        expect(plan).not.toContain("search_lexemes_pkey");
      }
    }
  });

  it.each([LARGE, SMALL])("mends through the words' beginnings and ends (%s)", async (tenant) => {
    const before = [ask(tenant, "english", "rrae", tenant === SMALL)];
    const plan = await explain(tenant, bySearch, before, similar("rrae"));
    expect(plan).toContain("search_words_pkey");
    expect(plan).toContain("search_words_tail");
    expect(plan).toContain("Bitmap Index Scan on search_lexemes_words");
    expect(await explain(tenant, bySearch, before, known)).toContain("Bitmap Index Scan on search_lexemes_words");
  });

  it.each([LARGE, SMALL])("writes, deletes and counts through keys (%s)", async (tenant) => {
    const settings = { ...byKey, ...everything(tenant) };
    const entries = [checkEntry({ id: "e1", text: "another text" })];
    const statements = [
      ...indexStatements(tenant, entries).slice(1),
      ...deleteStatements(tenant, "entry_id", "e1").slice(1),
      ...deleteStatements(tenant, "document_id", "d1").slice(1),
      ...removeRunStatements(tenant, "1").slice(1),
    ];
    for (const statement of statements) await explain(tenant, settings, [], statement);
    const count = { text: "select count(*) from agents.search_documents d where d.metadata -> 'n' = '1'", values: [] };
    expect(await explain(tenant, byKey, [], count)).toContain("search_documents_pkey");
  });

  it("answers for words in any number of entries, and says where it did not rank all of them", async () => {
    const { search } = stores.tenant(LARGE);
    const took = async (text: string) => {
      const started = performance.now();
      const answer = await search.query({ text });
      return { ...answer, milliseconds: performance.now() - started };
    };
    const rare = await took("rare");
    expect(rare).toMatchObject({ bounded: false, hits: { length: Math.min(10, rows / 1_000) } });
    const common = await took("common");
    expect(common).toMatchObject({ bounded: rows / 2 > 5_000, hits: { length: 10 } });
    expect(common.milliseconds).toBeLessThan(2_000); // a bound on the order of magnitude, on any machine
    expect((await stores.tenant(SMALL).search.query({ text: "common", limit: 1_000 })).hits).toHaveLength(150);
  });
});

/** Every second entry has `common`, every thousandth `rare`. */
async function load(fleet: SqlClient, tenant: string, rows: number): Promise<void> {
  const entries = `select 'e' || i as id, 'd' || i / 20 as document, jsonb_build_object('n', i % 100) as metadata, concat_ws(' ',
      case when i % 2 = 0 then 'common' end, case when i % 1000 = 0 then 'rare' end,
      (select string_agg('word' || (i::bigint * k * 7919) % (37 * k * k), ' ') from generate_series(1, 20) k)) as text
    from generate_series(1, $2::int) i`;
  const values = [tenant, rows];
  await fleet.run({
    tenant: null,
    timeout: 0,
    statements: [
      {
        text: `insert into agents.search_documents (tenant_id, entry_id, document_id, text, language, metadata)
          select $1, id, document, text, 'english', metadata from (${entries}) e`,
        values,
      },
      {
        text: `insert into agents.search_lexemes (tenant_id, entry_id, lexemes, metadata)
          select $1, id, agents.search_lexemes_of(array[' ' || $1::text], 'english', null, text), metadata from (${entries}) e`,
        values,
      },
    ],
  });
}
