import type { SqliteSchema } from "../clients/sqlite-file.ts";

/** Times are microseconds since 1970, texts of JSON as given. `due` is when a worker has to look at a run; finished ones have none, and stay out of the workers' indexes; what belongs to runs, out of that of workers at large. */
const sql = `
create table run (
  tenant text not null, id text not null, kind text not null, status text not null, state text not null, result text, error text, version integer not null,
  attempt integer not null, max_attempts integer not null, priority integer not null, not_before integer not null, parent text, worker text, token integer not null,
  lease_until integer, created_at integer not null, updated_at integer not null, finished_at integer,
  due integer generated always as (case status when 'queued' then not_before when 'running' then lease_until end) virtual,
  primary key (tenant, id)
) strict;
create index run_due on run (tenant, priority desc, not_before, due) where due is not null and (kind < 'run/' or kind >= 'run0');
create index run_due_kind on run (tenant, kind, priority desc, not_before, due) where due is not null;
create index run_newest on run (tenant, created_at desc, id desc);
create index run_status on run (tenant, status, kind, created_at desc, id desc);
create index run_parent on run (tenant, parent, created_at desc, id desc) where parent is not null;
`;

export const RUN: SqliteSchema = { role: "run", version: 1, sql };
