import { textArray } from "../clients/binary.ts";
import type { EventBackend, GroupState } from "./backend.ts";
import { type Ask, bigints, MOMENT, statement } from "./sql-backend.ts";

const GROUPS = 200;

/** What a snapshot reads and writes of one tenant. */
export function sqlStates(tenant: string, ask: Ask) {
  return {
    async groupStates(after) {
      const text = `select c.stream, c.group_name as "group", c.handed, c.missed, coalesce((
            select json_agg(json_build_object('version', d.version, 'count', d.count, 'missed', d.missed) order by d.version)
            from events.deliveries d where d.tenant_id = c.tenant_id and d.stream = c.stream and d.group_name = c.group_name), '[]') as pending
        from events.consumers c where c.tenant_id = $1 and (c.stream, c.group_name) > ($2, $3)
        order by c.stream, c.group_name limit ${GROUPS}`;
      const rows = await ask([statement(text, tenant, after.stream, after.group)], "repeatable");
      return rows as unknown as (GroupState & { stream: string })[];
    },
    async restoreStream({ stream, head, at }) {
      const remove = (table: string) =>
        statement(`delete from events.${table} where tenant_id = $1 and stream = $2`, tenant, stream);
      await ask(
        [
          statement(
            `insert into events.streams (tenant_id, stream, head, last_at) values ($1, $2, $3, ${MOMENT("$4")})
              on conflict (tenant_id, stream) do update set head = excluded.head, last_at = excluded.last_at`,
            tenant,
            stream,
            head,
            at,
          ),
          ...["events", "consumers", "deliveries"].map(remove),
        ],
        "repeatable",
      );
    },
    async restoreEvents(stream, events) {
      const [first, last] = [events[0], events.at(-1)];
      if (!first || !last) return true;
      const months = new Set(events.map(({ at }) => new Date(at / 1000).toISOString().slice(0, 7)));
      const [row] = await ask([
        ...[...months].map((month) =>
          statement("select events.ensure_partition($1::timestamptz)", `${month}-01T00:00Z`),
        ),
        statement("select from events.streams where tenant_id = $1 and stream = $2 for no key update", tenant, stream),
        statement(
          `with put as (
              insert into events.events (tenant_id, stream, version, at, type, data, event_id)
              select $1, $2, e.version, ${MOMENT("e.at")}, e.type, e.data::json, e.id
              from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) as e (version, at, type, data, id)
              where not exists (select from events.events o where o.tenant_id = $1 and o.stream = $2 and o.version >= $8)
              returning 1),
            moved as (
              update events.streams set head = greatest(head, $9), last_at = greatest(last_at, ${MOMENT("$10")})
              where tenant_id = $1 and stream = $2 and exists (select from put) returning 1)
            select exists (select from moved) as ok`,
          tenant,
          stream,
          bigints(events.map(({ version }) => version)),
          bigints(events.map(({ at }) => at)),
          textArray(events.map(({ type }) => type)),
          textArray(events.map(({ data }) => JSON.stringify(data))),
          textArray(events.map(({ id }) => id)),
          first.version,
          last.version,
          last.at,
        ),
      ]);
      return row?.ok === true;
    },
    async restoreGroup(stream, { group, handed, missed, pending }) {
      const values = [tenant, stream, group];
      await ask(
        [
          statement(
            `insert into events.consumers (tenant_id, stream, group_name, handed, missed) values ($1, $2, $3, $4, $5)
              on conflict (tenant_id, stream, group_name) do update set handed = excluded.handed, missed = excluded.missed`,
            ...values,
            handed,
            missed,
          ),
          statement(
            "delete from events.deliveries where tenant_id = $1 and stream = $2 and group_name = $3",
            ...values,
          ),
          statement(
            `insert into events.deliveries (tenant_id, stream, group_name, version, consumer, until, count, missed)
              select $1, $2, $3, d.version, '', clock_timestamp(), d.count, d.missed
              from unnest($4::bigint[], $5::integer[], $6::bigint[]) as d (version, count, missed)`,
            ...values,
            bigints(pending.map(({ version }) => version)),
            bigints(pending.map(({ count }) => count)),
            bigints(pending.map((one) => one.missed)),
          ),
        ],
        "repeatable",
      );
    },
  } satisfies Partial<EventBackend>;
}
