import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { beforeAll, expect, inject, it } from "vitest";
import { openFleet, openStores } from "../../adapters/index.ts";
import { useClone } from "./clone.ts";
import { proveContracts } from "./contracts.ts";
import { inspect } from "./docker.ts";
import { killAndCompareEvents } from "./event-kills.ts";
import { only } from "./flags.ts";
import { killerOf, shared, told } from "./kill.ts";
import { groundFor } from "./lab.ts";
import { type Check, prove } from "./proof.ts";
import type { Seen } from "./session-clients.ts";
import { killAndCompareSession } from "./session-kills.ts";
import { pauseHolders } from "./session-pauses.ts";

// What only a real server shows of the session role: kills, many processes at once, pauses.

const lab = inject("lab");
const KILLS = 20;
const CONTAINER = "agent-stores-session-redis";
const clone = useClone(["session"]);
let app = "";
let events = "";
let admin: Record<string, string | undefined> = {};

beforeAll(async () => {
  const up = await clone.run(
    `npm run up -- --stack session --port redis=16379 ${only("redis")} --set event=redis --set options.redis.appendfsync=always --set images.redis=${lab.images.redis}`,
  );
  expect(up.code, up.stdout + up.stderr).toBe(0);
  const variables = (file: string) => parseEnv(readFileSync(join(clone.folder, file), "utf8"));
  app = variables(".env.session").SESSION_URL ?? "";
  events = variables(".env.session").EVENT_URL ?? "";
  admin = variables(".env.session.admin");
});
const proven = (check: string, passed: boolean, detail: string): Check => ({
  check,
  target: "docker",
  passed,
  ...groundFor(lab, "redis"),
  detail,
});

it("passes the smoke, restart included", async () => {
  const smoke = await clone.run("npm run smoke -- --stack session");
  expect(smoke.code, smoke.stdout + smoke.stderr).toBe(0);
  console.log(smoke.stdout);
});

it("holds to the contract, with every write on disk before it is acknowledged", () =>
  proveContracts(clone, lab, { variables: ".env.session.admin", products: ["redis"], roles: ["session", "event"] }));

it("says that its writes are on disk when they are acknowledged", async () => {
  await using stores = openStores({ SESSION_URL: app });
  expect(stores.tenant("acme").session.can.durable).toBe(true);
});

it(`loses no acknowledged write of any role in ${KILLS} SIGKILLs of the server, and its clients recover`, async () => {
  const kill = shared(await killerOf(CONTAINER), 2);
  const [session, event] = await Promise.all([
    killAndCompareSession(app, kill, KILLS),
    killAndCompareEvents(events, admin.EVENT_URL ?? "", kill, KILLS),
  ]);
  const detail = [told(session, "session writes", session.lost), told(event, "events", event.lost)].join("; ");
  console.log(`  appendfsync always: ${detail}`);
  const lost = [...session.lost, ...event.lost];
  prove("redis", proven(`${KILLS} SIGKILLs`, lost.length === 0, `appendfsync always: ${detail}`));
  expect(lost).toEqual([]);
  for (const { kills, acknowledged, longest } of [session, event]) {
    expect(kills).toBe(KILLS);
    expect(acknowledged).toBeGreaterThan(3 * KILLS);
    expect(longest).toBeLessThan(30);
  }
});

it("counts a rate limit and a lock exactly under 50 clients in 5 processes", async () => {
  const [limit, asks, rounds] = [200, 10, 4];
  const all = await Promise.all(Array.from({ length: 5 }, () => clients(10, limit, asks, rounds)));
  const allowed = all.reduce((sum, seen) => sum + seen.allowed, 0);
  const tokens = all.flatMap((seen) => seen.tokens);
  await using stores = openStores({ SESSION_URL: app });
  const sum = await stores.tenant("crowd").session.get("sum");
  const detail = `${allowed} of ${allowed + all.reduce((n, seen) => n + seen.refused, 0)} calls let in (limit ${limit}), ${sum} of ${tokens.length} guarded additions kept`;
  console.log(`  50 clients: ${detail}`);
  const exact = allowed === limit && sum === 50 * rounds && new Set(tokens).size === 50 * rounds;
  prove("redis", proven("50 clients", exact, detail));
  expect([allowed, sum, new Set(tokens).size]).toEqual([limit, 50 * rounds, 50 * rounds]);
  await using fleet = openFleet({ SESSION_URL: admin.SESSION_URL });
  await fleet.deleteTenant("crowd");
});

it("accepts no write of an older token, however long its holder was paused", async () => {
  const outcome = await pauseHolders(app, admin.REDIS_ADMIN_URL ?? "", 15);
  const { written, refused, pauses } = outcome;
  const older = written.filter((token, at) => token < Math.max(...written.slice(0, at)));
  const detail = `${pauses} pauses of the holder, ${written.length} writes by ${new Set(written).size} holders, ${refused} late ones refused, ${older.length} accepted`;
  console.log(`  ${detail}`);
  prove("redis", proven("lock fencing under pauses", older.length === 0, detail));
  expect(older).toEqual([]);
  expect(written).toHaveLength(outcome.accepted);
  expect(refused).toBeGreaterThanOrEqual(10); // else nobody tried, and nothing was shown
});

it("goes on after a restart, waits for a server that starts, and gives up on one that does not", async () => {
  await using stores = openStores({ SESSION_URL: `${app}&connect_timeout=2&command_timeout=1000` });
  const { session } = stores.tenant("restarted");
  const heard: unknown[] = [];
  await using _ = await session.subscribe("c", (message) => void heard.push(message));
  await session.set("k", 1);
  const docker = (...words: string[]) => clone.run(`docker ${words.join(" ")}`);
  await docker("restart", CONTAINER);
  expect(await session.get("k")).toBe(1);
  await expect
    .poll(async () => session.publish("c", "again").then(() => heard.length), { timeout: 10_000 })
    .toBeGreaterThan(0);
  await docker("stop", CONTAINER);
  const stopped = Date.now();
  await expect(session.get("k")).rejects.toMatchObject({
    code: "unavailable",
    mend: expect.stringContaining("npm run"),
  });
  expect(Date.now() - stopped).toBeLessThan(8_000);
  const waited = Date.now();
  for (let times = 0; times < 5; times++) await expect(session.get("k")).rejects.toMatchObject({ code: "unavailable" });
  expect(Date.now() - waited).toBeLessThan(4_000); // not two seconds each
  await docker("start", CONTAINER);
  // Who waited in vain is told so at once for a second; then it is found again.
  const found = () => expect.poll(() => session.get("k").catch(() => "gone"), { timeout: 20_000 }).toBe(1);
  await found();
  const { Pid } = (await inspect(CONTAINER)).State;
  process.kill(Pid, "SIGSTOP");
  try {
    for (const state of ["connected", "connecting"]) {
      const frozen = Date.now();
      await expect(session.get("k"), state).rejects.toMatchObject({ code: "timeout" });
      expect(Date.now() - frozen).toBeLessThan(8_000);
    }
  } finally {
    process.kill(Pid, "SIGCONT");
  }
  await found();
});

function clients(count: number, limit: number, asks: number, rounds: number): Promise<Seen> {
  const words = [app, "crowd", ...[count, limit, asks, rounds].map(String)];
  const child = fork(join(import.meta.dirname, "session-clients.ts"), words);
  return new Promise((resolve, reject) => {
    child.once("message", (seen: Seen) => resolve(seen));
    child.once("exit", (code) => reject(new Error(`a process of clients ended with ${code}`)));
  });
}
