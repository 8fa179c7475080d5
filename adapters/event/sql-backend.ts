import { textArray } from "../clients/binary.ts";
import type { Row, SqlClient, Statement, Value } from "../clients/sql.ts";
import type { AccountClient } from "../clients/sql-account.ts";
import { type Part, partOf, partSql } from "../runs.ts";
import type { Appended, EventBackend, Handed, KeptEvent, Place, Removed } from "./backend.ts";
import { sqlStates } from "./sql-states.ts";
import { ringAll, streamKey, whenRung } from "./wake.ts";

/** What all tenants' stores of one adapter share. */
export interface Shared {
  client: SqlClient;
  account: AccountClient;
  /** Tells other processes that something was appended to the stream of a key. */
  notify(key: string): void;
  /** Milliseconds that the server may take for one statement, 0 = no limit. @default the client's own */
  timeout?: number;
}

/** Where other processes say that something was appended. */
export const CHANNEL = "agent_stores_events";

/** A moment in microseconds since 1970; a time zone has no part in it. */
export const MICROSECONDS = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint`;
export const EVENT = `version, ${MICROSECONDS("at")} as at, type, data, event_id as id`;
/** A parameter in microseconds as a moment. As text: a number would lose digits. */
export const MOMENT = (parameter: string) =>
  `(timestamptz 'epoch' + (${parameter}::bigint / 1000000) * interval '1 second' + (${parameter}::bigint % 1000000) * interval '1 microsecond')`;
const GROUP = "tenant_id = $1 and stream = $2 and group_name = $3";
/** Rows that one statement removes. */
const TRIM = 10_000;
const STREAMS = 1_000;

/** Runs statements for one tenant as one transaction, and resolves to the rows of the last. */
export type Ask = (statements: readonly Statement[], repeatable?: "repeatable") => Promise<Row[]>;

/** A stream is read through its index alone: to the statistics, one long stream among many short ones looks like a table that is better read as a whole. */
export const BY_INDEX = { enable_seqscan: "off" };

export const statement = (text: string, ...values: readonly Value[]): Statement => ({ text, values });
export const bigints = (versions: readonly number[]): string => `{${versions.join(",")}}`;

/** One tenant's rows in the schema `events`. */
export function sqlBackend(shared: Shared, tenant: string): EventBackend {
  const { account, timeout } = shared;
  const ask: Ask = async (statements, repeatable) => {
    const work = { tenant, statements, settings: BY_INDEX, repeatable: repeatable !== undefined, timeout };
    return (await account.run(work)).at(-1) ?? [];
  };
  return {
    ...streams(shared, tenant, ask),
    ...groups(shared, tenant, ask),
    ...sqlStates(tenant, ask),
    async removeRun(run) {
      const statements = removeStatements(tenant, partOf(run));
      return removedOf(await account.run({ tenant, statements, settings: BY_INDEX, timeout: 0 }));
    },
    listen: (stream, ring) => listen(shared.client, streamKey(tenant, stream), ring),
  };
}

/** The statements that remove a tenant's streams, all or those of a part, with what they have; for `removedOf`. */
export function removeStatements(tenant: string, part?: Part): Statement[] {
  return ["streams", "events", "consumers", "deliveries"].map((table) => {
    const values: Value[] = [tenant];
    const these = part ? `and ${partSql("stream", part, (bound) => `$${values.push(bound)}`)}` : "";
    const text = `with gone as (delete from events.${table} where tenant_id = $1 ${these} returning 1) select count(*)::float8 as n from gone`;
    return { text, values };
  });
}

export function removedOf(results: readonly Row[][]): Removed {
  const [streams = 0, events = 0, groups = 0] = results.map((rows) => Number(rows[0]?.n));
  return { streams, events, groups };
}

/** Of this process at once, of others by the database's notification. */
async function listen(client: SqlClient, key: string, ring: () => void): Promise<() => Promise<void>> {
  const stop = whenRung(key, ring);
  try {
    const end = await client.listen?.(CHANNEL, (said) => {
      if (said === key || said === undefined) ring(); // undefined: nobody knows what was appended meanwhile
    });
    return async () => {
      stop();
      await end?.();
    };
  } catch (error) {
    stop();
    throw error;
  }
}

function streams({ notify }: Shared, tenant: string, ask: Ask) {
  return {
    async append(stream, events, expected) {
      const ids = events.map(({ id }) => id);
      const call = statement(
        "select outcome, reached as version from events.append($1, $2, $3, $4, $5)",
        stream,
        expected ?? null,
        textArray(events.map(({ type }) => type)),
        textArray(events.map(({ json }) => json)),
        textArray(ids),
      );
      // One that was done before is known by its ids.
      const [answer] = await ask([call], ids.includes(null) ? undefined : "repeatable");
      if (answer?.outcome === "appended") {
        const key = streamKey(tenant, stream);
        ringAll(key);
        notify(key);
      }
      return answer as unknown as Appended;
    },
    async read(stream, after, limit, backwards) {
      const text = `select ${EVENT} from events.events where tenant_id = $1 and stream = $2 and version > $3
        order by version ${backwards ? "desc" : "asc"} limit $4`;
      return (await ask([statement(text, tenant, stream, after, limit)], "repeatable")) as unknown as KeptEvent[];
    },
    async head(stream) {
      const text = "select head from events.streams where tenant_id = $1 and stream = $2";
      return Number((await ask([statement(text, tenant, stream)], "repeatable"))[0]?.head ?? 0);
    },
    async streams(from, after) {
      const text = `select stream, head, ${MICROSECONDS("last_at")} as at from events.streams
        where tenant_id = $1 and stream >= $2 and stream > $3 order by stream limit ${STREAMS}`;
      const rows = await ask([statement(text, tenant, from, after)], "repeatable");
      return rows as unknown as { stream: string; head: number; at: number }[];
    },
    async trim(stream, upTo, before) {
      // Some at a time: what is trimmed is a beginning, since moments never go back within a stream.
      const bound = upTo === null ? `at < ${MOMENT("$3")}` : "version <= $3::bigint";
      const text = `with gone as (
          delete from events.events where tenant_id = $1 and stream = $2 and ${bound} and version < ${TRIM} + (
            select min(version) from events.events where tenant_id = $1 and stream = $2)
          returning 1)
        select count(*) as n from gone`;
      for (let removed = 0; ; ) {
        const [row] = await ask([statement(text, tenant, stream, upTo ?? before)]);
        if (!row?.n) return removed;
        removed += Number(row.n);
      }
    },
  } satisfies Partial<EventBackend>;
}

function groups({ account }: Shared, tenant: string, ask: Ask) {
  const of = ({ stream, group, consumer }: Place) => [tenant, stream, group, consumer];
  const acknowledging = (place: Place, versions: readonly number[]) =>
    statement(
      `delete from events.deliveries where ${GROUP} and consumer = $4 and version = any($5::bigint[])`,
      ...of(place),
      bigints(versions),
    );
  return {
    async join(stream, group, from) {
      const at =
        from === "now" ? "coalesce((select head from events.streams where tenant_id = $1 and stream = $2), 0)" : "$4";
      const text = `insert into events.consumers (tenant_id, stream, group_name, handed) values ($1, $2, $3, ${at}) on conflict do nothing`;
      await ask([statement(text, tenant, stream, group, ...(from === "now" ? [] : [from]))], "repeatable");
    },
    async take(place, { batch, ackMs, done, resume }) {
      const { stream, group, consumer } = place;
      const statements = [
        statement(
          `select ${EVENT}, count, missed from events.take($1, $2, $3, $4, $5)`,
          stream,
          group,
          consumer,
          batch,
          ackMs,
        ),
        statement(
          `select (select ceil(extract(epoch from min(until) - clock_timestamp()) * 1000)::float8
             from events.deliveries where ${GROUP}) as due from events.consumers where ${GROUP}`,
          tenant,
          stream,
          group,
        ),
      ];
      // What it holds without knowing it has the time of what is over.
      const text = `update events.deliveries set until = '-infinity' where ${GROUP} and consumer = $4`;
      if (resume) statements.unshift(statement(text, ...of(place)));
      if (done.length > 0) statements.unshift(acknowledging(place, done));
      const [events = [], state = []] = (await account.run({ tenant, statements, settings: BY_INDEX })).slice(-2);
      if (state.length === 0) return undefined;
      const due = state[0]?.due as number | null;
      return { events: events as unknown as Handed[], dueMs: due === null ? null : Math.max(due, 1) };
    },
    async acknowledge(place, versions) {
      await ask([acknowledging(place, versions)], "repeatable");
    },
    async giveBack(place, versions, delayMs, seen) {
      const text = `update events.deliveries set consumer = '', count = count - $6::integer,
          until = clock_timestamp() + $7::bigint * interval '1 millisecond'
        where ${GROUP} and consumer = $4 and version = any($5::bigint[])`;
      await ask([statement(text, ...of(place), bigints(versions), seen ? 0 : 1, delayMs)], "repeatable");
    },
    async groups(stream) {
      const text = `select c.group_name as "group", c.handed as version, greatest(coalesce(s.head, 0) - c.handed, 0) as behind,
          (select count(*) from events.deliveries d where d.tenant_id = $1 and d.stream = $2 and d.group_name = c.group_name) as pending
        from events.consumers c left join events.streams s on s.tenant_id = c.tenant_id and s.stream = c.stream
        where c.tenant_id = $1 and c.stream = $2 order by c.group_name`;
      const rows = await ask([statement(text, tenant, stream)], "repeatable");
      return rows as unknown as { group: string; version: number; pending: number; behind: number }[];
    },
  } satisfies Partial<EventBackend>;
}
