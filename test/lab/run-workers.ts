import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStores } from "../../adapters/index.ts";
import type { Told } from "./run-worker.ts";

export interface Crowd {
  url: string;
  tenant: string;
  processes: number;
  /** In each process. */
  workers: number;
  runs: number;
  /** Processes that are killed (SIGKILL) at random moments under work; each is replaced. @default 0 */
  kills?: number;
  leaseMs: number;
  /** Milliseconds that a run takes at most. */
  most: number;
}

export interface Seen {
  /** Runs that ended well. */
  succeeded: number;
  /** Claims that were told. */
  claims: number;
  kills: number;
  /** Runs that a killed process had, and another one ended. */
  takenOver: number;
  /** Milliseconds from a kill until the last of its runs was begun again. */
  latest: number;
  seconds: number;
  /** A run that two had at once, or that was claimed again without its holder's death; each as a sentence. */
  wrong: string[];
}

type Claim = Extract<Told, { kind: "began" }> & { process: number };

/** Lets many workers, in processes that may be killed, work on many runs, and compares what each told with what is stored. */
export async function crowd({ kills = 0, ...given }: Crowd): Promise<Seen> {
  const { url, tenant, processes, runs } = given;
  await using stores = openStores({ RUN_URL: url });
  const { run } = stores.tenant(tenant);
  for (let n = 0; n < runs; n += 1_000)
    await run.createMany(
      Array.from({ length: Math.min(1_000, runs - n) }, (_, i) => ({ id: `r${n + i}`, kind: "k", maxAttempts: 100 })),
    );
  const claims: Claim[] = [];
  /** By number of the process: when it was killed, in milliseconds since 1970. */
  const killed = new Map<number, number>();
  const alive = new Map<number, ChildProcess>();
  const ends: Promise<void>[] = [];
  const faults: string[] = [];
  const start = (process: number) => {
    const words = [url, tenant, `p${process}`, given.workers, given.leaseMs, given.most].map(String);
    const child = fork(join(import.meta.dirname, "run-worker.ts"), words);
    alive.set(process, child);
    child.on("message", (told: Told) => {
      if (told.kind === "began") claims.push({ ...told, process });
      else if (told.failed > 0) faults.push(`process ${process} failed ${told.failed}`);
    });
    ends.push(
      new Promise((resolve) =>
        child.once("close", (code) => {
          alive.delete(process);
          if (code !== 0 && !killed.has(process)) faults.push(`process ${process} ended with ${code}`);
          resolve();
        }),
      ),
    );
  };
  const started = performance.now();
  const succeeded = async () => (await run.counts()).find(({ status }) => status === "succeeded")?.count ?? 0;
  try {
    for (let n = 0; n < processes; n++) start(n);
    for (let n = 0; n < kills; n++) {
      await sleep(50 + Math.random() * 400);
      const before = claims.length;
      while (claims.length === before && faults.length === 0) await sleep(1);
      // The one that has begun something this moment.
      const victim = claims.at(-1)?.process ?? 0;
      const child = alive.get(victim);
      killed.set(victim, Date.now());
      child?.kill("SIGKILL");
      start(processes + n);
    }
    while ((await succeeded()) < runs && faults.length === 0) await sleep(50);
    const seconds = (performance.now() - started) / 1_000;
    for (const child of alive.values()) child.send("stop");
    await Promise.all(ends);
    const found = new Map<string, number>(); // attempts by run
    for (let after: string | undefined; ; ) {
      const page = await run.list({ limit: 1_000, after });
      for (const { id, attempt } of page.runs) found.set(id, attempt);
      if (page.next === null) break;
      after = page.next;
    }
    return { ...judge(claims, killed, found), succeeded: await succeeded(), claims: claims.length, kills, seconds };
  } catch (error) {
    throw new Error(faults.join("; "), { cause: error });
  } finally {
    for (const child of alive.values()) child.kill("SIGKILL");
    if (faults.length > 0) console.error(faults);
  }
}

/** What is wrong with the claims, given who was killed and how often each run was claimed. */
function judge(claims: readonly Claim[], killed: ReadonlyMap<number, number>, attempts: ReadonlyMap<string, number>) {
  const wrong: string[] = [];
  let takenOver = 0;
  let latest = 0;
  const byRun = Map.groupBy(claims, ({ id }) => id);
  for (const [id, attempt] of attempts) {
    const of = (byRun.get(id) ?? []).sort((one, other) => one.token - other.token);
    // A process that is killed between its claim and its word leaves an attempt that nobody tells of.
    if (of.length > attempt || (of.length < attempt && killed.size === 0))
      wrong.push(`${id} was claimed ${attempt} times, and ${of.length} told so`);
    for (const [n, claim] of of.entries()) {
      const before = of[n - 1];
      if (!before) continue;
      const death = killed.get(before.process);
      if (death === undefined) wrong.push(`${id} was taken from ${before.worker}, which lives`);
      else {
        takenOver++;
        // Unless another had it in between, and died before it could tell.
        if (claim.attempt === before.attempt + 1) latest = Math.max(latest, claim.claimedAt - death);
      }
      if (claim.token <= before.token) wrong.push(`${id} was given token ${claim.token} after ${before.token}`);
      if (claim.claimedAt < before.until) wrong.push(`${id} was taken ${before.until - claim.claimedAt} ms too soon`);
    }
  }
  return { wrong, takenOver, latest };
}
