import { Redis } from "ioredis";
import { openFleet, openStores } from "../../adapters/index.ts";
import { median } from "./data.ts";

export interface SessionFigures {
  /** What was called, and how many calls were under way at once. */
  call: "get" | "set";
  together: number;
  /** Median microseconds a call. */
  ours: number;
  baseline: number;
  /** How the bare client was the faster of its two ways: each command on its own, or with auto-pipelining. */
  by: "single" | "pipelined";
  /** Median over rounds of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

const CALLS = 4_000;
const KEYS = 500;
const WARM_UP = 3;

/** The state of a conversation, as an agent keeps it: some hundred bytes of JSON. */
const value = (n: number) => ({
  user: `user-${n}`,
  turn: n,
  topics: ["retrieval", "memory", "tools"],
  profile: { language: "en", zone: "Europe/Vienna", premium: n % 2 === 0, score: n / 7 },
  summary: "The user asked for the addresses that name the Grand Canyon, and was told that none of them does. ".repeat(
    2,
  ),
});
type Value = ReturnType<typeof value>;
interface Way {
  set(key: string, value: Value): Promise<unknown>;
  get(key: string): Promise<unknown>;
}
const WHO = ["single", "pipelined", "ours"] as const;
type Who = (typeof WHO)[number];

/**
 * get and set of JSON values, ours and with the bare client in turns: the same keys, the same JSON, as many calls under way at once. The expert tries both
 * ways of the bare client and keeps the faster.
 */
export async function sessionBench(app: string, fleetUrl: string, rounds: number): Promise<SessionFigures[]> {
  const tenant = `bench-${process.pid}`;
  const stores = openStores({ SESSION_URL: app });
  const fleet = openFleet({ SESSION_URL: fleetUrl });
  const options = { enableReadyCheck: false }; // it asks what this account may not
  const clients = [options, { ...options, enableAutoPipelining: true }].map((one) => new Redis(bare(app), one));
  const { session } = stores.tenant(tenant);
  const name = (key: string) => `t:${tenant}:value:${key}`;
  const [single, pipelined] = clients.map((redis) => ({
    set: (key: string, given: Value) => redis.set(name(key), JSON.stringify(given)),
    get: async (key: string) => JSON.parse((await redis.get(name(key))) ?? "null"),
  })) as [Way, Way];
  const ours: Way = { set: (key, given) => session.set(key, given), get: (key) => session.get(key) };
  const ways: Record<Who, Way> = { single, pipelined, ours };
  try {
    for (let n = 0; n < KEYS; n++) await session.set(`key-${n}`, value(n));
    const figures: SessionFigures[] = [];
    for (const together of [1, 50])
      for (const call of ["set", "get"] as const) figures.push(await inTurns(ways, call, together, rounds));
    return figures;
  } finally {
    await fleet.deleteTenant(tenant);
    await Promise.all([stores.close(), fleet.close(), ...clients.map((redis) => redis.quit())]);
  }
}

async function inTurns(
  ways: Record<Who, Way>,
  call: "get" | "set",
  together: number,
  rounds: number,
): Promise<SessionFigures> {
  const times: Record<Who, number>[] = [];
  for (let round = -WARM_UP; round < rounds; round++) {
    const time = { single: 0, pipelined: 0, ours: 0 };
    for (const who of round % 2 ? WHO.toReversed() : WHO) time[who] = await timed(ways[who], call, together);
    if (round >= 0) times.push(time);
  }
  const of = (who: Who) => median(times.map((time) => time[who]));
  const by = of("single") <= of("pipelined") ? "single" : "pipelined";
  const ratio = median(times.map((time) => time.ours / time[by]));
  return { call, together, ours: of("ours"), baseline: of(by), by, ratio };
}

/** Microseconds a call. */
async function timed(way: Way, call: "get" | "set", together: number): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < CALLS) {
      const n = next++;
      await (call === "set" ? way.set(`key-${n % KEYS}`, value(n)) : way.get(`key-${n % KEYS}`));
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: together }, worker));
  return ((performance.now() - started) * 1000) / CALLS;
}

/** Without our own parameters. */
function bare(url: string): string {
  const at = new URL(url);
  at.search = "";
  return at.href;
}
