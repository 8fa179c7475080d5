import type { SqlClient } from "../../adapters/clients/sql.ts";

/** One query per kind of object; each yields lines in a stable order, free of oids, versions and the database's name. */
const queries = [
  `select format(E'\\ncreate table %s%s (\\n%s\\n);%s', c.oid::regclass, case c.relkind when 'p' then ' /* partitioned */' else '' end,
      (select string_agg(format('  %I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
          case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation else '' end,
          case when a.attnotnull then ' not null' else '' end,
          coalesce(case a.attgenerated when 's' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
            else ' default ' || pg_get_expr(d.adbin, d.adrelid) end, '')), E',\\n' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
      case when c.relrowsecurity then E'\\nalter table ' || c.oid::regclass || ' enable row level security;' else '' end ||
      case when c.relforcerowsecurity then E'\\nalter table ' || c.oid::regclass || ' force row level security;' else '' end) as line
    from pg_class c where c.relnamespace::regnamespace::text in ('agents', 'agents_admin', 'events') and c.relkind in ('r', 'p') and not c.relispartition
    order by c.oid::regclass::text collate "C"`,
  `select format('alter table %s add constraint %I %s;', n.conrelid::regclass, n.conname, pg_get_constraintdef(n.oid)) as line
    from pg_constraint n join pg_class c on c.oid = n.conrelid and not c.relispartition where n.connamespace::regnamespace::text in ('agents', 'agents_admin', 'events') and n.contype <> 'n'
    order by n.conrelid::regclass::text collate "C", n.conname collate "C"`,
  `select pg_get_indexdef(i.indexrelid) || ';' as line
    from pg_index i join pg_class c on c.oid = i.indrelid and not c.relispartition
    where c.relnamespace::regnamespace::text in ('agents', 'agents_admin', 'events') and not exists (select from pg_constraint n where n.conindid = i.indexrelid)
    order by pg_get_indexdef(i.indexrelid) collate "C"`,
  `select format('create policy %I on %s using (%s) with check (%s);', p.polname, p.polrelid::regclass,
      pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as line
    from pg_policy p join pg_class c on c.oid = p.polrelid and not c.relispartition order by p.polrelid::regclass::text collate "C", p.polname collate "C"`,
  `select E'\\n' || pg_get_functiondef(p.oid) || ';' as line from pg_proc p
    where p.pronamespace::regnamespace::text in ('agents', 'agents_admin', 'events') order by p.oid::regprocedure::text collate "C"`,
  `select pg_get_triggerdef(t.oid) || ';' as line from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where not t.tgisinternal and c.relnamespace::regnamespace::text in ('agents', 'agents_admin', 'events') order by t.tgrelid::regclass::text collate "C", t.tgname collate "C"`,
  `select format('grant %s on %s to %s;', string_agg(lower(g.privilege_type), ', ' order by g.privilege_type collate "C"), c.oid::regclass, g.grantee::regrole) as line
    from pg_class c, aclexplode(c.relacl) g
    where c.relnamespace::regnamespace::text in ('agents', 'agents_admin', 'events') and c.relkind in ('r', 'p') and g.grantee <> c.relowner
    group by c.oid, g.grantee order by c.oid::regclass::text collate "C", g.grantee::regrole::text collate "C"`,
  `select format('grant execute on function %s to %s;', p.oid::regprocedure, g.grantee::regrole) as line
    from pg_proc p, aclexplode(p.proacl) g
    where p.pronamespace::regnamespace::text in ('agents', 'agents_admin', 'events') and g.grantee <> p.proowner order by p.oid::regprocedure::text collate "C", g.grantee::regrole::text collate "C"`,
];

/** The schema that migrations and prepare leave behind, as text that is the same on every server that has it. Without partitions, which come and go. */
export async function schemaText(admin: SqlClient): Promise<string> {
  const results = await admin.run({
    tenant: null,
    // Names are qualified only for what the search path lacks.
    settings: { search_path: "pg_catalog" },
    statements: queries.map((text) => ({ text })),
  });
  const head = "-- Generated from a migrated database (npm test -- --update schema); migrations are the source.";
  return [head, ...results.map((rows) => rows.map((row) => row.line).join("\n"))].join("\n\n").concat("\n");
}
