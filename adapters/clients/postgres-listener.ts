import type { Client as PgClient } from "pg";
import { StoreError } from "../errors.ts";

type Receive = (payload: string | undefined) => void;

export interface Listening {
  /**
   * Hears the notifications of a channel; resolves when it does, to what ends that. What is sent while the connection is lost is missed: `receive` is called
   * without a payload when it listens again.
   */
  listen(channel: string, receive: Receive): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** How often an idle connection is tried, in milliseconds: a network that drops it says nothing. */
const HEARTBEAT = 10_000;

/** What one client listens to, over a connection of its own that exists while it does. */
export function postgresListener(connect: () => Promise<PgClient>): Listening {
  const channels = new Map<string, Set<Receive>>();
  let client: Promise<PgClient> | undefined;
  let closed = false;

  function connected(): Promise<PgClient> {
    if (closed) throw new StoreError("invalid", "postgres", "The store was closed.", "Open it again.");
    if (client) return client;
    const mine = connect();
    client = mine;
    const gone = () => {
      if (client !== mine) return;
      client = undefined;
      if (channels.size > 0 && !closed) void listenAgain();
    };
    mine.then(
      (made) => {
        made.on("notification", ({ channel, payload }) => {
          for (const receive of [...(channels.get(channel) ?? [])]) receive(payload);
        });
        const heartbeat = setInterval(() => made.query("select 1").catch(() => {}), HEARTBEAT).unref();
        made.once("end", () => {
          clearInterval(heartbeat);
          gone();
        });
      },
      () => {
        if (client === mine) client = undefined;
      },
    );
    return mine;
  }

  /** Until it listens to every channel again, or nobody does any more. */
  async function listenAgain(): Promise<void> {
    for (let pause = 50; channels.size > 0 && !closed; pause = Math.min(pause * 2, 1_000)) {
      try {
        const made = await connected();
        for (const channel of channels.keys()) await made.query(`listen ${quoted(channel)}`);
        for (const receivers of channels.values()) for (const receive of receivers) receive(undefined);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async function forget(channel: string, receive: Receive): Promise<void> {
    const receivers = channels.get(channel);
    if (!receivers?.delete(receive) || receivers.size > 0) return;
    channels.delete(channel);
    if (channels.size === 0) await disconnect();
    else await (await client)?.query(`unlisten ${quoted(channel)}`).catch(() => {});
  }
  async function disconnect(): Promise<void> {
    const last = client;
    client = undefined;
    await last?.then((made) => made.end()).catch(() => {}); // it is gone, as it should be
  }

  return {
    async listen(channel, receive) {
      const receivers = channels.get(channel) ?? new Set<Receive>();
      channels.set(channel, receivers.add(receive));
      try {
        await (await connected()).query(`listen ${quoted(channel)}`);
      } catch (error) {
        await forget(channel, receive);
        throw error;
      }
      return () => forget(channel, receive);
    },
    async close() {
      closed = true;
      channels.clear();
      await disconnect();
    },
  };
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
