import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openFleet, openStores } from "../../adapters/index.ts";
import type { Told } from "./artifact-writer.ts";
import { killerOf } from "./kill.ts";

/** URLs of the store and of its index, for the account of applications and for the fleet. */
export interface Urls {
  app: { ARTIFACT_URL: string; ARTIFACT_INDEX_URL: string };
  fleet: { ARTIFACT_URL: string; ARTIFACT_INDEX_URL: string };
}

export interface Outcome {
  kills: number;
  acknowledged: number;
  refused: number;
  /** Longest time that one change took, the server's absence included; seconds. */
  longest: number;
  /** What the repair afterwards did. */
  repaired: { adopted: number; removed: number; indexed: number };
  /** What is not as it was acknowledged, or what store and index say differently: in words. */
  wrong: string[];
}

/** What was acknowledged of each path, and what was begun since: either may be there after a kill of the writer. */
class Ledger {
  readonly #last = new Map<string, string | null>();
  readonly #begun = new Map<string, (string | null)[]>();
  readonly outcome: Outcome = emptyOutcome();

  hear(told: Told): void {
    if (told.kind === "refused") this.outcome.refused++;
    if (told.kind === "waited") this.outcome.longest = Math.max(this.outcome.longest, told.milliseconds / 1000);
    if (told.kind === "begins") this.#begun.set(told.path, [...(this.#begun.get(told.path) ?? []), told.sha256]);
    if (told.kind !== "done") return;
    this.#last.set(told.path, told.sha256);
    this.#begun.delete(told.path);
    this.outcome.acknowledged++;
  }

  /** Compares with what is there: hashes by path. */
  compare(found: ReadonlyMap<string, string>): string[] {
    const paths = new Set([...this.#last.keys(), ...this.#begun.keys(), ...found.keys()]);
    return [...paths].flatMap((path) => {
      const may = [this.#last.get(path) ?? null, ...(this.#begun.get(path) ?? [])];
      const is = found.get(path) ?? null;
      return may.includes(is)
        ? []
        : [`${path}: ${may.map((one) => one?.slice(0, 8)).join(" or ")}, found ${is?.slice(0, 8)}`];
    });
  }
}

const emptyOutcome = (): Outcome => ({
  kills: 0,
  acknowledged: 0,
  refused: 0,
  longest: 0,
  repaired: { adopted: 0, removed: 0, indexed: 0 },
  wrong: [],
});

class Writer {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  complaint = "";
  over = false;

  constructor({ app }: Urls, tenant: string, prefix: string, ledger: Ledger) {
    const words = [app.ARTIFACT_URL, app.ARTIFACT_INDEX_URL, tenant, prefix];
    this.child = fork(join(import.meta.dirname, "artifact-writer.ts"), words, {
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    this.child.stderr?.on("data", (data) => (this.complaint += data));
    this.child.on("message", (told: Told) => {
      if (told.kind === "ended") this.over = true;
      ledger.hear(told);
    });
    this.ended = new Promise((resolve) => this.child.once("close", () => resolve()));
  }

  /** Waits for so many acknowledged changes more. */
  async works(ledger: Ledger, more: number): Promise<void> {
    const before = ledger.outcome.acknowledged;
    while (ledger.outcome.acknowledged < before + more) {
      if (this.child.exitCode !== null) throw new Error(`the writer gave up: ${this.complaint}`);
      await sleep(10);
    }
  }
}

/** Kills the server's main process at random moments under a load; its writer goes on with the stores that it has. */
export async function killServer(urls: Urls, container: string, kills: number): Promise<Outcome> {
  const tenant = "kills-server";
  const ledger = new Ledger();
  const writer = new Writer(urls, tenant, "", ledger);
  try {
    const kill = await killerOf(container);
    while (ledger.outcome.kills < kills) {
      await writer.works(ledger, 1);
      await sleep(100 + Math.random() * 900);
      await kill();
      ledger.outcome.kills++;
    }
    await writer.works(ledger, 5);
    writer.child.send("stop");
    await writer.ended;
    if (!writer.over) throw new Error(`the writer gave up: ${writer.complaint}`);
    // Before any repair: what was acknowledged needs none.
    ledger.outcome.wrong = ledger.compare(await contents(urls, tenant));
    return await settle(urls, tenant, ledger);
  } finally {
    writer.child.kill("SIGKILL");
  }
}

/** Kills the writer at random moments: between content and hash, between store and index, amid an upload. */
export async function killClient(urls: Urls, kills: number): Promise<Outcome> {
  const tenant = "kills-client";
  const ledger = new Ledger();
  while (ledger.outcome.kills < kills) {
    const writer = new Writer(urls, tenant, `${ledger.outcome.kills % 3}/`, ledger);
    await writer.works(ledger, 1);
    await sleep(Math.random() * 400);
    writer.child.kill("SIGKILL");
    ledger.outcome.kills++;
    await writer.ended;
  }
  return settle(urls, tenant, ledger);
}

/** Repairs, then compares store, index and ledger. */
async function settle(urls: Urls, tenant: string, ledger: Ledger): Promise<Outcome> {
  await using fleet = openFleet(urls.fleet);
  await using stores = openStores(urls.app);
  const { artifact } = stores.tenant(tenant);
  const { outcome } = ledger;
  outcome.repaired = await fleet.artifact.repair({ olderThanMs: 0 });
  const again = await fleet.artifact.repair({ olderThanMs: 0 });
  if (Object.values(again).some((n) => n > 0)) outcome.wrong.push(`a second repair did ${JSON.stringify(again)}`);
  outcome.wrong.push(...ledger.compare(await contents(urls, tenant)));
  const rows = new Map((await artifact.find({ limit: 10_000 })).map((row) => [row.path, JSON.stringify(row)]));
  for await (const { path } of artifact.list()) {
    const kept = JSON.stringify(await artifact.stat(path));
    if (rows.get(path) !== kept) outcome.wrong.push(`the index says ${rows.get(path)} of ${kept}`);
    rows.delete(path);
  }
  for (const row of rows.values()) outcome.wrong.push(`the index alone has ${row}`);
  await fleet.deleteTenant(tenant);
  return outcome;
}

/** Hashes of what is read, by path; a content that is not what its hash says throws. */
async function contents({ app }: Urls, tenant: string): Promise<Map<string, string>> {
  await using stores = openStores(app);
  const { artifact } = stores.tenant(tenant);
  const found = new Map<string, string>();
  for await (const { path } of artifact.list())
    found.set(
      path,
      createHash("sha256")
        .update((await artifact.bytes(path)) ?? "")
        .digest("hex"),
    );
  return found;
}
