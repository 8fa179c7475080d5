import { fork } from "node:child_process";
import { join } from "node:path";
import { type Json, openFleet, openStores, type TenantStores } from "../../adapters/index.ts";
import { median, percentile } from "./data.ts";
import { ByHand, CHANNEL, data, type Way, type Who } from "./event-by-hand.ts";
import { connected } from "./place.ts";

export interface EventFigures {
  call: "append" | "read 100";
  /** How many calls were under way at once, each to a stream of its own. */
  together: number;
  /** Median microseconds a call. */
  ours: number;
  baseline: number;
  /** Median over rounds of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

export interface EventLatency {
  /** Median and 99th percentile of milliseconds from the call of `append` to the handler in another process. */
  ours: { p50: number; p99: number };
  baseline: { p50: number; p99: number };
}

const CALLS = 300;
const STREAM = 500;
const WARM_UP = 2;
const DELIVERIES = 300;

export const ours = ({ event }: TenantStores): Way => ({
  append: (stream, content) => event.append(stream, [{ type: "bench", data: content as Json }]),
  read: (stream) => event.read(stream, { after: 200, limit: 100 }),
});

/** append and read, ours and by hand in turns, as the same account; then how soon another client's handler has what was appended. */
export async function eventBench(
  app: string,
  fleetUrl: string,
  rounds: number,
): Promise<{ figures: EventFigures[]; latency: EventLatency }> {
  const [tenant, other] = [`bench-${process.pid}`, `bench-${process.pid}-hand`];
  const url = new URL(app);
  url.searchParams.set("pool", "8");
  const stores = openStores({ EVENT_URL: url.href });
  const fleet = openFleet({ EVENT_URL: fleetUrl });
  const clients = await Promise.all(Array.from({ length: 8 }, () => connected(app, true)));
  const ways: Record<Who, Way> = { ours: ours(stores.tenant(tenant)), baseline: new ByHand(clients, other) };
  try {
    const figures = await eventFigures(ways, rounds);
    return { figures, latency: await latencies(app, tenant, other) };
  } finally {
    for (const one of [tenant, other]) await fleet.deleteTenant(one);
    await Promise.all([stores.close(), fleet.close(), ...clients.map((client) => client.end())]);
  }
}

/** append and read, each way in turns. */
export async function eventFigures(ways: Record<Who, Way>, rounds: number): Promise<EventFigures[]> {
  for (const way of Object.values(ways)) for (let n = 0; n < STREAM; n++) await way.append("full", data(0), 0);
  const figures: EventFigures[] = [];
  for (const call of ["append", "read 100"] as const)
    for (const together of [1, 8]) figures.push(await inTurns(ways, call, together, rounds));
  return figures;
}

async function inTurns(
  ways: Record<Who, Way>,
  call: EventFigures["call"],
  together: number,
  rounds: number,
): Promise<EventFigures> {
  const times: Record<Who, number>[] = [];
  for (let round = -WARM_UP; round < rounds; round++) {
    const time = { ours: 0, baseline: 0 };
    for (const who of round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const))
      time[who] = await timed(ways[who], call, together);
    if (round >= 0) times.push(time);
  }
  return {
    call,
    together,
    ours: median(times.map((time) => time.ours)),
    baseline: median(times.map((time) => time.baseline)),
    ratio: median(times.map((time) => time.ours / time.baseline)),
  };
}

/** Microseconds a call. */
async function timed(way: Way, call: EventFigures["call"], together: number): Promise<number> {
  let next = 0;
  const worker = async (_: unknown, own: number) => {
    while (next < CALLS) {
      const n = next++;
      await (call === "append" ? way.append(`stream-${own}`, data(n), own) : way.read("full", own));
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: together }, worker));
  return ((performance.now() - started) * 1000) / CALLS;
}

/** Of what another process appends, ours and by hand in turns. By hand: listen, and read what is there when one is told. */
async function latencies(app: string, tenant: string, other: string): Promise<EventLatency> {
  const times: Record<Who, number[]> = { ours: [], baseline: [] };
  let arrived = (_: Who, _sent: number) => {};
  const stores = openStores({ EVENT_URL: app });
  const handler = ({ data }: { data: Json }) => arrived("ours", (data as { sent: number }).sent);
  const subscription = await stores.tenant(tenant).event.subscribe("latency", { group: "g" }, handler);
  const listener = await connected(app, true);
  const byHand = new ByHand([listener], other);
  await listener.query(`listen ${CHANNEL}`);
  listener.on("notification", async () => arrived("baseline", await byHand.newest("latency")));
  const writer = fork(join(import.meta.dirname, "event-writer.ts"), [app, tenant, other]);
  try {
    for (let n = -WARM_UP * 10; n < DELIVERIES; n++)
      for (const who of ["baseline", "ours"] as const) {
        const got = new Promise<number>((resolve) => {
          arrived = (by, sent) => by === who && resolve(performance.timeOrigin + performance.now() - sent);
        });
        writer.send({ who, n });
        const took = await got;
        if (n >= 0) times[who].push(took);
      }
  } finally {
    writer.kill();
    await subscription.close();
    await Promise.all([stores.close(), listener.end()]);
  }
  const summary = (all: number[]) => ({ p50: percentile(all, 0.5), p99: percentile(all, 0.99) });
  return { ours: summary(times.ours), baseline: summary(times.baseline) };
}
