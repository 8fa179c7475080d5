import type { Socket } from "node:net";
import type { Client as PgClient, QueryResult } from "pg";
import { StoreError } from "../errors.ts";
import { optional } from "./optional.ts";
import { isLost, isStale, isStarting, toStoreError } from "./postgres-errors.ts";
import { postgresListener } from "./postgres-listener.ts";
import { type PostgresOptions, settings } from "./postgres-url.ts";
import { begin, type Row, type SqlClient, type Statement, sqlState, type Work } from "./sql.ts";

/** What pg's client has and its published types lack. */
type Client = PgClient & { ref(): void; unref(): void; connection: { stream: Socket } };

/** Statement names cost memory in every server process, so only the first distinct texts get one. */
const MAX_NAMES = 400;

/** A client for `postgres://user:password@host:port/database`; connects on first use and again after the server restarted. */
export function postgresClient(url: string, options: PostgresOptions = {}): SqlClient {
  const { config, statementTimeout, connectTimeout, pool } = settings(url, options);
  const names = new Map<string, string>();
  const idle: Client[] = [];
  const waiting: (() => void)[] = [];
  let open = 0;
  let everConnected = false;
  let closed = false;
  let drained = () => {};
  let oid: Promise<number> | undefined;

  const named = (text: string): string | undefined => {
    let name = names.get(text);
    if (!name && names.size < MAX_NAMES) {
      name = `agents_${names.size}`;
      names.set(text, name);
    }
    return name;
  };

  async function acquire(): Promise<Client> {
    for (;;) {
      if (closed) throw new StoreError("invalid", "postgres", "The store was closed.", "Open it again.");
      const client = idle.pop();
      if (client) {
        client.ref();
        return client;
      }
      if (open < pool) break;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    open++;
    try {
      return await connect();
    } catch (error) {
      left();
      waiting.shift()?.();
      throw error;
    }
  }

  async function connect(): Promise<Client> {
    const { Client } = (await optional("postgres", "pg", () => import("pg"))).default;
    const deadline = Date.now() + connectTimeout;
    for (;;) {
      const client = new Client(config) as Client;
      // A dead idle connection says so here; whoever holds one learns it from its query.
      client.on("error", () => drop(client));
      try {
        await client.connect();
        everConnected = true;
        return client;
      } catch (error) {
        void client.end().catch(() => {});
        const restarting = isStarting(error) || (everConnected && isLost(error));
        if (!restarting || Date.now() + 100 > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  function left(): void {
    open--;
    if (open === 0) drained();
  }

  function drop(client: Client): void {
    const at = idle.indexOf(client);
    if (at < 0) return;
    idle.splice(at, 1);
    left();
    waiting.shift()?.();
  }

  function release(client: Client, broken: boolean): void {
    if (broken || closed) {
      left();
      client.end().catch(() => {});
      client.connection.stream.destroy();
    } else {
      client.unref(); // a program that forgets close() still ends
      idle.push(client);
    }
    waiting.shift()?.();
  }

  async function attempt(work: Work): Promise<Row[][]> {
    const client = await acquire();
    const limit = work.timeout ?? statementTimeout;
    const guard = watchdog(client, limit);
    let broken = true;
    try {
      const send = (s: Statement): Promise<QueryResult> => {
        const values = s.values as unknown[] | undefined;
        const sent = values ? client.query({ text: s.text, values, name: named(s.text) }) : client.query(s.text);
        return sent.finally(guard.answered);
      };
      // All are written, at once, before the first answer arrives: one round trip.
      const { stream } = client.connection;
      stream.cork();
      const sent = [begin(work, limit), ...work.statements, { text: "commit" }].map(send);
      stream.uncork();
      const all = await Promise.allSettled(sent);
      const failed = all.find((r) => r.status === "rejected");
      if (failed) {
        broken = guard.fired() || isLost(failed.reason) || isStale(failed.reason);
        if (guard.fired()) throw timedOut(limit, failed.reason);
        throw failed.reason;
      }
      const results = all.map((r) => (r as PromiseFulfilledResult<QueryResult>).value);
      broken = false;
      if (results.at(-1)?.command !== "COMMIT") {
        throw new StoreError("failed", "postgres", "The server rolled the transaction back.", "Try again.");
      }
      return results.slice(1, -1).map((r) => r.rows as Row[]);
    } finally {
      guard.stop();
      release(client, broken);
    }
  }

  const listener = postgresListener(connect);
  return {
    protocol: "postgres",
    async run(work) {
      for (let tries = 0; ; tries++) {
        try {
          return await attempt(work);
        } catch (error) {
          if (error instanceof StoreError && error.code !== "failed") throw error;
          const state = sqlState(error);
          // Aborted as a whole, so nothing happened: safe to send again whatever it was.
          const aborted = state === "40001" || state === "40P01" || isStale(error);
          const lost = isLost(error);
          if (lost) for (const client of idle.splice(0)) release(client, true);
          if (tries < (aborted ? 5 : 1) && (aborted || (lost && work.repeatable && everConnected))) {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * (tries + 1)));
            continue;
          }
          throw toStoreError(error, config);
        }
      }
    },
    vectorOid(fresh = false) {
      if (fresh || !oid) {
        const read = this.run({
          tenant: null,
          repeatable: true,
          statements: [{ text: "select coalesce(to_regtype('vector')::oid::int4, 0) as oid" }],
        });
        oid = read.then(([rows]) => Number(rows?.[0]?.oid));
        oid.catch(() => {
          oid = undefined;
        });
      }
      return oid;
    },
    listen: (channel, receive) =>
      listener.listen(channel, receive).catch((error) => {
        throw toStoreError(error, config);
      }),
    async close() {
      closed = true;
      await listener.close();
      for (const wake of waiting.splice(0)) wake();
      const ended = idle.splice(0).map((client) => {
        client.ref(); // or the process could end before the goodbye is sent
        return client.end().catch(() => {});
      });
      open -= ended.length;
      const busy =
        open > 0 &&
        new Promise<void>((resolve) => {
          drained = resolve;
        });
      await Promise.all([busy, ...ended]);
    },
  };
}

/** A frozen server never reports its own timeout, so the client gives up a little later and drops the connection. */
function watchdog(client: Client, limit: number) {
  let fired = false;
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const answered = () => {
    stop();
    if (limit === 0) return;
    timer = setTimeout(() => {
      fired = true;
      client.connection.stream.destroy();
    }, limit + 2_000);
  };
  answered();
  return { answered, stop, fired: () => fired };
}

function timedOut(limit: number, cause: unknown): StoreError {
  const mend = "See whether the server is frozen or overloaded: npm run status";
  return new StoreError("timeout", "postgres", `The server did not answer within ${limit / 1000} s.`, mend, cause);
}
