import type { SqliteSchema } from "../clients/sqlite-file.ts";

/** Times are milliseconds since 1970; a row is there while `expires` is null or to come. */
const sql = `
create table value (tenant text, name text, json text not null, expires integer, primary key (tenant, name)) strict;
create table list (tenant text, name text, last integer not null, expires integer, primary key (tenant, name)) strict;
create table message (
  tenant text, list text, seq integer, at integer not null, json text not null, primary key (tenant, list, seq)
) strict;
create table counter (tenant text, name text, value integer not null, expires integer, primary key (tenant, name)) strict;
create table bucket (
  tenant text, name text, taken real not null, at integer not null, expires integer not null, primary key (tenant, name)
) strict;
-- The newest token, which says when it was given, outlives its holder; nobody holds the lock when expires is over.
create table lock (
  tenant text, name text, token integer not null, expires integer not null, primary key (tenant, name)
) strict;
create table score (
  tenant text, ranking text, member text, score real not null, primary key (tenant, ranking, member)
) strict;
create index score_order on score (tenant, ranking, score desc, member);
create table publication (
  id integer primary key autoincrement, tenant text not null, channel text not null, json text not null, at integer not null
) strict;
create index publication_channel on publication (tenant, channel, id);
create index value_expires on value (expires) where expires is not null;
create index list_expires on list (expires) where expires is not null;
create index counter_expires on counter (expires) where expires is not null;
create index bucket_expires on bucket (expires);
create index lock_token on lock (token);
`;

export const SESSION: SqliteSchema = { role: "session", version: 1, sql };
