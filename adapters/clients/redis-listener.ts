import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { StoreError } from "../errors.ts";
import { toStoreError } from "./redis-errors.ts";

type Receive = (message: string) => void;
type Fail = (error: unknown) => void;

export interface Listening {
  /** Resolves when the server has taken the subscription, to what ends it. `fail` when the server refuses it after a lost connection. */
  listen(channel: string, receive: Receive, fail: Fail): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** How often an idle connection is tried, in milliseconds: a network that drops it says nothing. */
const HEARTBEAT = 10_000;

/** Subscriptions of one adapter, over a connection of their own that exists while there are any. */
export function redisListener(connect: () => Promise<Redis>, at: { host?: string; port?: number }): Listening {
  const channels = new Map<string, Map<Receive, Fail>>();
  let redis: Promise<Redis> | undefined;
  let recovering = false;
  let closed = false;

  function connected(): Promise<Redis> {
    if (closed) throw new StoreError("invalid", "redis", "The store was closed.", "Open it again.");
    if (redis) return redis;
    const mine = connect();
    const gone = () => {
      if (redis === mine) redis = undefined;
    };
    redis = mine;
    mine.then((made) => {
      made.on("message", (channel, message) => {
        for (const receive of [...(channels.get(channel)?.keys() ?? [])]) receive(message);
      });
      const heartbeat = setInterval(() => made.ping().catch(() => {}), HEARTBEAT).unref();
      made.once("end", () => {
        clearInterval(heartbeat);
        gone();
        if (!recovering) void listenAgain();
      });
    }, gone);
    return mine;
  }
  function disconnect(): void {
    const last = redis;
    redis = undefined;
    last?.then(
      (made) => made.disconnect(),
      () => {},
    );
  }

  /** Until it listens to every channel again, nobody does any more, or the server refuses the account. */
  async function listenAgain(): Promise<void> {
    recovering = true;
    for (let pause = 50; channels.size > 0 && !closed; pause = Math.min(pause * 2, 1_000)) {
      try {
        await (await connected()).subscribe(...channels.keys());
        break;
      } catch (error) {
        const fault = toStoreError(error, at);
        if (fault.code === "denied") failAll(fault);
      }
      await sleep(pause);
    }
    recovering = false;
  }
  function failAll(fault: StoreError): void {
    const all = [...channels.values()].flatMap((receivers) => [...receivers.values()]);
    channels.clear();
    for (const fail of all) fail(fault);
  }

  async function forget(channel: string, receive: Receive): Promise<void> {
    const receivers = channels.get(channel);
    if (!receivers?.delete(receive) || receivers.size > 0) return;
    channels.delete(channel);
    const made = await redis?.catch(() => undefined);
    if (channels.size === 0) disconnect();
    else if (!channels.has(channel)) await made?.unsubscribe(channel).catch(() => {}); // a lost connection has forgotten it too
  }

  return {
    async listen(channel, receive, fail) {
      const receivers = channels.get(channel) ?? new Map<Receive, Fail>();
      channels.set(channel, receivers.set(receive, fail));
      try {
        await (await connected()).subscribe(channel);
      } catch (error) {
        await forget(channel, receive);
        throw toStoreError(error, at);
      }
      return () => forget(channel, receive);
    },
    async close() {
      closed = true;
      channels.clear();
      disconnect();
    },
  };
}
