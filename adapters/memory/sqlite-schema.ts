import type { SqliteSchema } from "../clients/sqlite-file.ts";

/** Moments are microseconds since 1970, ids lower-case UUIDs, values JSON. */
const sql = `
create table fact (
  n integer primary key, tenant text not null, id text not null, key text not null, agent text, kind text not null, value text not null,
  confidence real, source text, expires integer, deleted integer, version integer not null, created integer not null, updated integer not null
) strict;
create unique index fact_id on fact (tenant, id);
-- A key has one fact that was not deleted; when its time is over, the next put ends it.
create unique index fact_key on fact (tenant, key) where deleted is null;
create index fact_newest on fact (tenant, updated, id) where deleted is null;
create index fact_kind on fact (tenant, kind, updated, id) where deleted is null;
create index fact_agent on fact (tenant, agent, updated, id) where deleted is null and agent is not null;
create index fact_source on fact (tenant, source, updated, id) where deleted is null and source is not null;
create index fact_deleted on fact (tenant, key, id) where deleted is not null;
create index fact_ended on fact (tenant, coalesce(deleted, expires)) where deleted is not null or expires is not null;
create table word (tenant text, word text, fact integer, primary key (tenant, word, fact)) strict, without rowid;
create index word_fact on word (fact, word);
create table change (
  tenant text, key text, seq integer, at integer not null, action text not null, actor text, id text not null,
  agent text, kind text, value text, confidence real, source text, expires integer, version integer, created integer,
  primary key (tenant, key, seq)
) strict;
create trigger change_fixed before update on change begin select raise(abort, 'the history is append-only'); end;
`;

export const MEMORY: SqliteSchema = { role: "memory", version: 1, sql };
