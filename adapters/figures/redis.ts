import { type Redis, redisClient } from "../clients/redis.ts";
import type { Figure, FigureTable, ReadFigures } from "./contract.ts";
import { fromInfo, type Info } from "./redis-info.ts";
import { bytes, duration, short, whole } from "./text.ts";

/** How much of the keyspace is looked at for big keys. */
const SAMPLE = { keys: 2_000, ms: 500, shown: 5 };
/** Bytes of one key from which it holds the server up whenever it is read whole or removed. */
const BIG_KEY = 10 * 1024 ** 2;

const read: ReadFigures = async ({ fleet }, signal) => {
  const url = new URL(fleet);
  url.searchParams.set("connect_timeout", "2");
  url.searchParams.set("command_timeout", "1500");
  const client = redisClient(url.href);
  try {
    return await client.run(async (redis) => {
      const [info, keys, slow] = await Promise.all([redis.info(), redis.dbsize(), redis.slowlog("GET", 5)]);
      const [seen, slowest, biggest] = [fromInfo(parseInfo(info)), slowLog(slow), await bigKeys(redis, keys, signal)];
      return {
        figures: [...seen, { name: "keys", value: keys, text: whole(keys) }, slowest.figure, biggest.figure],
        tables: [slowest.table, biggest.table].filter(({ rows }) => rows.length > 0),
      };
    }, "repeatable");
  } finally {
    await client.close();
  }
};
export default read;

/** What INFO says, by name; sections and comments are left out. */
export function parseInfo(text: string): Info {
  const pairs = text.split("\r\n").map((line) => line.split(/:(.*)/s));
  return new Map(pairs.flatMap(([name = "", value]) => (value === undefined ? [] : [[name, value]])));
}

function slowLog(answer: unknown): { figure: Figure; table: FigureTable } {
  const entries = (answer as [number, number, number, string[]][]).map(([, at, micros, words]) => ({
    at: new Date(at * 1000),
    ms: micros / 1000,
    command: words.join(" "),
  }));
  const [first] = entries.toSorted((one, other) => other.ms - one.ms);
  return {
    figure: {
      name: "slow log",
      value: first?.ms ?? null,
      unit: "ms",
      text: first ? duration(first.ms) : "empty",
      note: first && `${short(first.command, 40)}, the slowest of the last ${entries.length}`,
    },
    table: {
      name: "slow log",
      heading: ["took", "at (UTC)", "command"],
      rows: entries.map(({ at, ms, command }) => [
        duration(ms),
        at.toISOString().slice(0, 19).replace("T", " "),
        short(command, 100),
      ]),
    },
  };
}

/** The biggest of a sample of keys. It ends before the server's other clients feel it. */
async function bigKeys(
  redis: Redis,
  all: number,
  signal: AbortSignal,
): Promise<{ figure: Figure; table: FigureTable }> {
  const started = performance.now();
  const found: { key: string; bytes: number; type: string }[] = [];
  let cursor = "0";
  let seen = 0;
  do {
    const [next, keys] = await redis.scan(cursor, "COUNT", 200);
    cursor = next;
    seen += keys.length;
    const asked = redis.pipeline();
    for (const key of keys) asked.memory("USAGE", key, "SAMPLES", 5).type(key);
    const answers = (await asked.exec()) ?? [];
    keys.forEach((key, i) => {
      const [size, type] = [answers[2 * i]?.[1], answers[2 * i + 1]?.[1]];
      if (typeof size === "number") found.push({ key, bytes: size, type: String(type) });
    });
    found.sort((one, other) => other.bytes - one.bytes).splice(SAMPLE.shown);
  } while (cursor !== "0" && seen < SAMPLE.keys && performance.now() - started < SAMPLE.ms && !signal.aborted);
  const [first] = found;
  const scope = cursor === "0" ? "" : ` (of ${whole(seen)} keys looked at, of ${whole(all)})`;
  return {
    figure: {
      name: "biggest key",
      value: first?.bytes ?? null,
      unit: "bytes",
      text: first ? bytes(first.bytes) : "no keys",
      note: first && `${first.type} ${short(first.key)}${scope}`,
      ...(first && first.bytes > BIG_KEY && { warn: `split ${short(first.key, 40)}: others wait while it is read` }),
    },
    table: {
      name: `biggest keys${scope}`,
      heading: ["bytes", "type", "key"],
      rows: found.map((one) => [bytes(one.bytes), one.type, short(one.key, 100)]),
    },
  };
}
