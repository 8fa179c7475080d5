import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { Heard, Seen } from "./event-reader.ts";
import type { Told } from "./event-writer.ts";
import { type Kill, noKills, type Outcome } from "./kill.ts";

const TENANT = "followed";
const STREAMS = ["one", "two", "three"];
/** Milliseconds for readers to have all that was appended, once the server is there for good. */
const PATIENCE = 60_000;

/**
 * Kills a server again and again at random moments while one process appends and another one follows, and compares what is stored and what was seen with the ledger of what was
 * acknowledged: what is missing, gaps, and what a group or a follower missed or saw twice.
 */
export async function killAndCompareEvents(url: string, fleetUrl: string, kill: Kill, kills: number): Promise<Outcome> {
  const outcome = noKills();
  const ledger = new Map(STREAMS.map((stream) => [stream, 0]));
  const seen: Seen[] = [];
  const fleet = openFleet({ EVENT_URL: fleetUrl });
  await fleet.deleteTenant(TENANT);
  let ready = false;
  const reader = started("event-reader.ts", url, (one: Heard) => {
    if (one === "ready") ready = true;
    else seen.push(one);
  });
  const writer = started("event-writer.ts", url, (told: Told) => {
    if (told.kind === "refused") outcome.refused++;
    if (told.kind !== "appended") return;
    outcome.acknowledged += told.to - told.from + 1;
    outcome.longest = Math.max(outcome.longest, told.milliseconds / 1000);
    ledger.set(told.stream, told.to);
  });
  try {
    await until(() => ready, [reader]);
    for (; outcome.kills < kills; outcome.kills++) {
      const [acknowledged, read] = [outcome.acknowledged, seen.length];
      await sleep(100 + Math.random() * 900);
      // Only a server that took writes since the last time, and that they follow, is worth killing.
      await until(() => outcome.acknowledged > acknowledged && seen.length > read, [writer, reader]);
      await kill();
    }
    const before = outcome.acknowledged;
    await until(() => outcome.acknowledged > before, [writer, reader]);
    await writer.stop();
    const total = () => 2 * outcome.acknowledged;
    await until(() => seen.length >= total(), [reader], PATIENCE).catch(() => {}); // what is missing is named below
    await sleep(500); // for what comes twice
    await reader.stop();
    outcome.lost = [...unequal(ledger, seen), ...(await notStored(url, ledger))];
    return outcome;
  } finally {
    writer.child.kill("SIGKILL");
    reader.child.kill("SIGKILL");
    await fleet.deleteTenant(TENANT);
    await fleet.close();
  }
}

interface Started {
  child: ChildProcess;
  complaint(): string;
  /** Lets it end by itself. Throws what it complained of. */
  stop(): Promise<void>;
}

function started<T>(file: string, url: string, told: (message: T) => void): Started {
  const child = fork(join(import.meta.dirname, file), [url, TENANT, ...STREAMS], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let complaint = "";
  child.stderr?.on("data", (data) => (complaint += data));
  child.on("message", (message) => told(message as T));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    child,
    complaint: () => complaint,
    async stop() {
      child.send("stop");
      if ((await ended) !== 0) throw new Error(`${file} gave up: ${complaint}`);
    },
  };
}

async function until(
  holds: () => boolean,
  all: readonly Started[],
  patience = Number.POSITIVE_INFINITY,
): Promise<void> {
  for (const deadline = performance.now() + patience; !holds(); await sleep(20)) {
    if (performance.now() > deadline) throw new Error("it takes too long");
    for (const { child, complaint } of all)
      if (child.exitCode !== null) throw new Error(`a process gave up: ${complaint()}`);
  }
}

function unequal(ledger: Map<string, number>, seen: readonly Seen[]): string[] {
  const wrong: string[] = [];
  for (const [stream, last] of ledger)
    for (const by of ["group", "follower"] as const) {
      const mine = seen.filter((one) => one.stream === stream && one.by === by);
      const all = mine.map(({ version }) => version);
      const once = new Set(all);
      const twice = Object.entries(Object.groupBy(mine, ({ version }) => version)).filter(
        ([, some]) => some && some.length > 1,
      );
      for (const [version, some = []] of twice)
        wrong.push(
          `the ${by} saw version ${version} of ${stream} again: ${some.map(({ count }) => `delivery ${count}`).join(", ")}`,
        );
      for (let version = 1; version <= last; version++)
        if (!once.has(version)) wrong.push(`the ${by} missed version ${version} of ${stream}`);
      if (by === "follower" && all.some((version, at) => at > 0 && version <= (all[at - 1] ?? 0)))
        wrong.push(`the follower saw ${stream} out of order`);
    }
  return wrong;
}

async function notStored(url: string, ledger: Map<string, number>): Promise<string[]> {
  const stores = openStores({ EVENT_URL: url });
  const { event } = stores.tenant(TENANT);
  const wrong: string[] = [];
  for (const [stream, last] of ledger) {
    let after = 0;
    for (
      let page = await event.read(stream, { limit: 1_000 });
      page.length > 0;
      page = await event.read(stream, { after, limit: 1_000 })
    )
      for (const { version, data } of page) {
        const { n } = data as { n: number };
        if (version !== after + 1 || n !== version)
          wrong.push(`${stream} has ${n} at version ${version} after ${after}`);
        after = version;
      }
    if (after !== last) wrong.push(`${stream} ends at ${after}, acknowledged was ${last}`);
  }
  await stores.close();
  return wrong;
}
