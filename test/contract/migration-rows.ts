import type { SqlClient } from "../../adapters/clients/sql.ts";

/** One row of each table, as JSON. */
export type Rows = Map<string, Record<string, unknown>>;

const TABLES = `select c.oid::regclass::text as name, n.nspname <> 'agents_admin' as ours from pg_class c
  join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and not c.relispartition
    and pg_get_userbyid(n.nspowner) = 'agent_owner' order by 1`;

/** What may stand in a column, by the beginning of its type. Texts that the table's own checks name come first. */
const VALUES: [type: RegExp, values: string[]][] = [
  [/\[\]$/, ["{}"]],
  [/^(small|big)?int|^numeric|^double|^real/, ["1", "3", "0"]],
  [/^bool/, ["true", "false"]],
  [/^jsonb?$/, ["{}", "[]"]],
  [/^bytea/, [`\\x${"ab".repeat(32)}`]],
  [/^timestamp|^date/, ["2026-01-02T03:04:05.678901Z"]],
  [/^interval/, ["1 hour"]],
  [/^uuid/, ["01234567-89ab-4def-8123-456789abcdef"]],
  [/vector$/, ["[1,2,3]"]],
  [/./, ["acme", "0123456789abcdef"]],
];

const ask = async (admin: SqlClient, text: string, tenant: string | null = null) =>
  (await admin.run({ tenant, statements: [{ text }] }))[0] ?? [];

export async function tables(admin: SqlClient): Promise<string[]> {
  return (await ask(admin, TABLES)).filter(({ ours }) => ours).map(({ name }) => String(name));
}

/** Puts a row of tenant acme into every table that takes one of the guesses above; what was kept of it, and tables that took none. */
export async function fill(admin: SqlClient): Promise<{ kept: Rows; refused: string[] }> {
  const known: string[] = [];
  // The one table whose parts are made by a function, as soon as that is there.
  const ensure = "agents.ensure_space(text, text, integer, boolean)";
  if ((await ask(admin, `select to_regprocedure('${ensure}') is not null as ok`))[0]?.ok)
    known.push(String((await ask(admin, "select agents.ensure_space('p', 'm', 3, true) as id", "acme"))[0]?.id));
  let left = await tables(admin);
  // A table that refers to another is filled after it.
  for (let before = Infinity; left.length < before; ) {
    before = left.length;
    const refused: string[] = [];
    for (const table of left) if (!(await fillOne(admin, table, known))) refused.push(table);
    left = refused;
  }
  return { kept: await rows(admin), refused: left };
}

async function fillOne(admin: SqlClient, table: string, known: readonly string[]): Promise<boolean> {
  if ((await ask(admin, `select from ${table} limit 1`)).length > 0) return true;
  const columns = await ask(
    admin,
    `select a.attname as name, format_type(a.atttypid, null) as type,
      (select string_agg(pg_get_constraintdef(c.oid), ' ') from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'c'
        and a.attnum = any (c.conkey)) as checks
    from pg_attribute a where a.attrelid = '${table}'::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull
      and not a.atthasdef and a.attidentity = '' order by a.attnum`,
  );
  const choices = columns.map(({ name, type, checks }) => {
    if (name === "tenant_id") return ["acme"];
    const named = [...String(checks ?? "").matchAll(/'([^']*)'::text/g)].map(([, text = ""]) => text);
    const usual = VALUES.find(([one]) => one.test(String(type)))?.[1] ?? [];
    return /text|char/.test(String(type)) ? [...known, ...named, ...usual] : usual;
  });
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  for (const values of combinations(choices, 300)) {
    const text = `insert into ${table} (${names}) values (${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(", ")})`;
    const done = await ask(admin, text, "acme").then(
      () => true,
      () => false,
    );
    if (done) return true;
  }
  return false;
}

function* combinations(choices: readonly string[][], most: number): Generator<string[]> {
  const all = choices.reduce((product, { length }) => product * length, 1);
  for (let n = 0; n < Math.min(all, most); n++) {
    let rest = n;
    yield choices.map((values) => {
      const value = values[rest % values.length] ?? "";
      rest = Math.floor(rest / values.length);
      return value;
    });
  }
}

/** The row of each table that has one. */
export async function rows(admin: SqlClient): Promise<Rows> {
  const found: Rows = new Map();
  for (const table of await tables(admin)) {
    const [row] = await ask(admin, `select to_jsonb(t) as row from ${table} t limit 1`);
    if (row) found.set(table, row.row as Record<string, unknown>);
  }
  return found;
}
