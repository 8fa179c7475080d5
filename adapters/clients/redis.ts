import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { messageOf, StoreError } from "../errors.ts";
import { optional } from "./optional.ts";
import { isLoading, isLost, isSilent, isUnsent, toStoreError } from "./redis-errors.ts";
import { type Listening, redisListener } from "./redis-listener.ts";
import { silenceWatch } from "./redis-silence.ts";
import { parseRedisUrl, type RedisSettings } from "./redis-url.ts";

export type { Redis } from "ioredis";

/** A Lua script, known to the server by its hash. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export const script = (lua: string): Script => ({ lua, sha: createHash("sha1").update(lua).digest("hex") });

/** One connection to a server, opened on first use and again after it was lost. */
export interface RedisClient {
  readonly durable: boolean;
  /**
   * Runs commands. They are sent once: when the connection ends before the answer, the call fails (`unavailable`, `timeout`) and the caller decides;
   * only `repeatable` ones, which read, are sent again. Waits for a server that restarts, as long as the URL says.
   */
  run<T>(commands: (redis: Redis) => Promise<T>, repeatable?: "repeatable"): Promise<T>;
  /** Runs a script in one round trip; one that the server does not know yet is sent to it. */
  script(
    one: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    repeatable?: "repeatable",
  ): Promise<unknown>;
  /** Listens to a channel, over a connection for all channels; resolves when it does. */
  listen: Listening["listen"];
  /** Awaits what is under way. */
  close(): Promise<void>;
}

/** Milliseconds for which calls fail at once after a server was waited for in vain; then one of them looks again. */
const REST = 1_000;

export function redisClient(url: string): RedisClient {
  const settings = parseRedisUrl(url);
  let redis: Redis | undefined;
  let opening: Promise<Redis> | undefined;
  let everConnected = false;
  let closed = false;
  let busy = 0;
  let corked = false;
  let drained = () => {};
  let closing: Promise<void> | undefined;
  let gone: { fault: unknown; until: number } | undefined;

  async function open(): Promise<Redis> {
    const patience = performance.now() + (gone ? 0 : settings.connectTimeout);
    for (;;) {
      if (closed) throw new StoreError("invalid", "redis", "The store was closed.", "Open it again.");
      try {
        const made = await connect(settings);
        made.once("end", () => {
          if (redis === made) redis = undefined;
        });
        made.options.socketTimeout = undefined; // from here on `watch` looks
        everConnected = true;
        gone = undefined;
        redis = made;
        return made;
      } catch (error) {
        const restarting = isLoading(error) || (everConnected && isLost(error));
        if (restarting && performance.now() + 50 <= patience) {
          await sleep(50);
          continue;
        }
        if (restarting || isSilent(error)) gone = { fault: error, until: performance.now() + REST };
        throw error;
      }
    }
  }
  /** Callers that come meanwhile wait for the same connection, unless the server was waited for in vain before. */
  async function connected(): Promise<Redis> {
    if (gone && !closed && (opening || performance.now() < gone.until)) throw gone.fault;
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  const watch = silenceWatch(settings.commandTimeout, () => (busy > 0 ? redis : undefined));
  const begin = (sender: Redis) => {
    watch();
    if (busy++ === 0) sender.stream.ref();
    else if (!corked) holdBack(sender.stream);
  };
  /** What calls write while others are under way leaves together, once for each turn of the program: writing is most of what a call costs. */
  const holdBack = (stream: Redis["stream"]) => {
    corked = true;
    stream.cork();
    process.nextTick(letGo, stream);
  };
  const letGo = (stream: Redis["stream"]) => {
    corked = false;
    stream.uncork();
  };
  const end = () => {
    if (--busy > 0) return;
    redis?.stream.unref(); // a program that forgets close() still ends
    drained();
  };

  /** An error as ours; a connection that ended may have said why. */
  const explain = (error: unknown, sender: Redis | undefined, repeatable?: "repeatable") => {
    const fault = sender && isLost(error) ? faults.get(sender) : undefined;
    return toStoreError(isSilent(fault) ? fault : error, settings.options, repeatable !== undefined);
  };
  async function connectAndRun<T>(commands: (redis: Redis) => Promise<T>, repeatable?: "repeatable"): Promise<T> {
    busy++; // close() waits for it
    let sender: Redis | undefined;
    try {
      sender = redis ?? (await connected());
      watch();
      sender.stream.ref();
      return await commands(sender);
    } catch (error) {
      throw explain(error, sender, repeatable);
    } finally {
      end();
    }
  }
  /** Written for the connection that is there: one promise between its answer and the caller, and nothing else. */
  function run<T>(commands: (redis: Redis) => Promise<T>, repeatable?: "repeatable"): Promise<T> {
    const sender = redis;
    if (!sender) return connectAndRun(commands, repeatable);
    begin(sender);
    return commands(sender).then(
      (answer) => {
        end();
        return answer;
      },
      async (error) => {
        try {
          if (!isLost(error)) throw explain(error, sender);
          if (redis === sender) redis = undefined;
          if (!isUnsent(error) && (!repeatable || isSilent(faults.get(sender))))
            throw explain(error, sender, repeatable);
          return await connectAndRun(commands, repeatable);
        } finally {
          end();
        }
      },
    );
  }
  const listener = redisListener(() => connect(settings), settings.options);
  async function close(): Promise<void> {
    closed = true;
    await listener.close();
    if (busy > 0) await new Promise<void>((resolve) => (drained = resolve));
    redis?.disconnect();
    redis = undefined;
  }

  return {
    durable: settings.durable,
    run,
    script: ({ lua, sha }, keys, args, repeatable) =>
      run(async (redis) => {
        try {
          return await redis.evalsha(sha, keys.length, ...keys, ...args);
        } catch (error) {
          if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
          return redis.eval(lua, keys.length, ...keys, ...args); // the server was restarted, or never saw it: nothing ran
        }
      }, repeatable),
    listen: listener.listen,
    close: () => (closing ??= close()),
  };
}

/** Why a connection ended, when it said so. */
const faults = new WeakMap<Redis, Error>();

/**
 * A connection that answers. It never connects again and never sends a command twice by itself: its owner does, who knows what may be repeated. A
 * server that says nothing while answers are due ends it.
 */
async function connect({ options, connectTimeout, commandTimeout }: RedisSettings): Promise<Redis> {
  const { Redis } = await optional("redis", "ioredis", () => import("ioredis"));
  const redis = new Redis({
    ...options,
    db: 0, // it passes over a refusal of another one
    connectTimeout,
    socketTimeout: commandTimeout,
    connectionName: "agent-stores",
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false, // it asks INFO, which an application's account may not
    disableClientInfo: true,
  });
  redis.on("error", (error) => faults.set(redis, error));
  try {
    await redis.connect();
    await redis.ping(); // a server that reads its data lets accounts in, and answers nothing else
    if (options.db) await select(redis, options.db);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw faults.get(redis) ?? error;
  }
}

async function select(redis: Redis, db: number): Promise<void> {
  try {
    await redis.select(db);
  } catch (cause) {
    if (isLost(cause)) throw cause;
    const what = `The server does not let this account use its database ${db} (${messageOf(cause)}).`;
    throw new StoreError("invalid", "redis", what, "Write redis://…/0", cause);
  }
}
