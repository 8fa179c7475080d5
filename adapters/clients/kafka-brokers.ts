import type * as Client from "@platformatic/kafka";
import type { KafkaPlace } from "./kafka-url.ts";
import { optional } from "./optional.ts";

/** How long a server that restarts is waited for, in milliseconds. */
export const PATIENCE = 5_000;

/** The connections to a cluster's brokers: those that wait for news have their own, since a broker answers a connection's requests one after the other. */
export function brokersOf(place: KafkaPlace) {
  const open = new Map<string, Promise<Client.Connection>>();
  let client: Promise<typeof Client> | undefined;
  let reached = false;

  async function connect(broker: string): Promise<Client.Connection> {
    const { Connection } = await load();
    const { username, password, mechanism, tls, timeout } = place;
    const connection = new Connection("agent-stores", {
      connectTimeout: Math.min(timeout, PATIENCE),
      // The broker itself gives up a little earlier, and says so.
      requestTimeout: timeout + 1_000,
      maxInflights: 64,
      ...(tls && { tls: {}, tlsServerName: true }),
      ...(username && { sasl: { mechanism, username, password } }),
    });
    connection.on("error", () => {}); // whoever asks is told
    const colon = broker.lastIndexOf(":");
    await connection.connect(broker.slice(0, colon), Number(broker.slice(colon + 1)));
    reached = true;
    return connection;
  }
  function load() {
    client ??= optional("kafka", "@platformatic/kafka", () => import("@platformatic/kafka"));
    return client;
  }

  return {
    reached: () => reached,
    async on<T>(
      broker: string,
      lane: string,
      calls: (connection: Client.Connection, client: typeof Client) => Promise<T>,
    ): Promise<T> {
      const key = `${lane} ${broker}`;
      const opened = open.get(key) ?? connect(broker);
      open.set(key, opened);
      try {
        const connection = await opened;
        if (!connection.isConnected())
          throw Object.assign(new Error("The connection was closed."), { code: "ECONNRESET" });
        return await calls(connection, await load());
      } catch (error) {
        const connection = await opened.catch(() => undefined);
        if (!connection?.isConnected() && open.get(key) === opened) open.delete(key);
        throw error;
      }
    },
    async close() {
      for (const one of open.values()) await (await one.catch(() => undefined))?.close();
    },
  };
}
