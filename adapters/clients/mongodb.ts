import type { Db, Document, MongoClient } from "mongodb";
import { isUnfound, toStoreError } from "./mongodb-errors.ts";
import { type MongoPlace, parseMongoUrl } from "./mongodb-url.ts";
import { optional } from "./optional.ts";
import { underWay } from "./under-way.ts";

/** How long a server that restarts is waited for, in milliseconds, if the URL allows as much. */
const PATIENCE = 5_000;
/** How long the server's clock is believed to differ from ours by the same, in milliseconds. */
const CLOCK_MS = 60_000;

/** One database of a server. */
export interface Mongo {
  readonly place: MongoPlace;
  /** Runs calls of the official client on the database. Throws `StoreError`. A write whose connection was lost is not repeated: it may be there. */
  run<T>(calls: (db: Db) => Promise<T>): Promise<T>;
  /** Now by the server's clock, in microseconds since 1970; milliseconds are all that it tells. */
  now(): Promise<number>;
  /** The first of `count` moments that follow each other, later than all that were given before and than `least`. */
  moments(count: number, least?: number): Promise<number>;
  /** Awaits what is under way. */
  close(): Promise<void>;
}

export function mongoAt(url: string): Mongo {
  const place = parseMongoUrl(url);
  let client: Promise<MongoClient> | undefined;
  const work = underWay("mongodb");

  async function attempt<T>(calls: (db: Db) => Promise<T>): Promise<T> {
    client ??= connect(place);
    const used = client;
    try {
      return await calls((await used).db(place.database));
    } catch (error) {
      if (isUnfound(error) && client === used) {
        // It may have ceased to look: one that is cut off while it greets a server which restarts waits for the answer for ever.
        client = undefined;
        void used.then((lost) => lost.close()).catch(() => {});
      }
      throw toStoreError(error, place);
    }
  }

  const run = <T>(calls: (db: Db) => Promise<T>): Promise<T> => work.call(() => attempt(calls));

  const now = clockOf(() => run((db) => db.command({ hello: 1 })));
  let last = 0;
  return {
    place,
    run,
    now,
    async moments(count, least = 0) {
      const first = Math.max(await now(), last + 1, least + 1);
      last = first + count - 1;
      return first;
    },
    async close() {
      await work.drained();
      // One that could not be loaded was never open.
      await (await client?.catch(() => undefined))?.close();
    },
  };
}

/**
 * The server's clock: ours, moved as little as agrees with what the server said, which lies between the moments of question and answer. Pipelines with `$$NOW` would ask it
 * with each write, but not every server of the protocol has them.
 */
function clockOf(hello: () => Promise<Document>): () => Promise<number> {
  let offset = 0;
  let asked = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  async function ask() {
    const before = Date.now();
    const said = (await hello()).localTime;
    if (!(said instanceof Date)) return;
    const [least, most] = [said.getTime() - Date.now() - 1, said.getTime() - before + 1];
    offset = Math.min(Math.max(offset, least), most);
    asked = performance.now();
  }
  return async () => {
    if (performance.now() - asked > CLOCK_MS) {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      await asking;
    }
    return (Date.now() + offset) * 1_000;
  };
}

async function connect({ server, username, password, authSource, tls, timeout }: MongoPlace): Promise<MongoClient> {
  const { MongoClient } = await optional("mongodb", "mongodb", () => import("mongodb"));
  // It connects with its first call, and again where the connection was lost.
  return new MongoClient(server, {
    appName: "agent-stores",
    tls,
    ...(username && { auth: { username, password }, authSource }),
    // One server, also through a port that is forwarded: what a member of a set calls itself cannot be reached there.
    directConnection: server.startsWith("mongodb:"),
    serverSelectionTimeoutMS: Math.min(timeout, PATIENCE),
    connectTimeoutMS: Math.min(timeout, PATIENCE),
    socketTimeoutMS: timeout,
    waitQueueTimeoutMS: timeout,
    // Acknowledged is what lies on the disk, of most members where there are several.
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "local" },
    maxPoolSize: 20,
    serverMonitoringMode: "poll",
    // Numbers, strings and their arrays alone are written; nothing is left out silently.
    ignoreUndefined: false,
  });
}
