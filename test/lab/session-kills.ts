import { openStores } from "../../adapters/index.ts";
import { type Kill, type Kills, type Outcome, underKills } from "./kill.ts";
import type { Told } from "./session-writer.ts";

const TENANT = "durable";

/** What was acknowledged. */
class Ledger implements Kills {
  readonly values = new Map<string, number>();
  readonly lists = new Map<string, Map<number, number>>();
  readonly counters = new Map<string, number>();
  readonly tokens = new Map<string, number>();
  kills = 0;
  acknowledged = 0;
  refused = 0;
  /** Refused additions, each of which may have taken effect. */
  unknown = 0;
  /** Seconds that one write took, the server's absence included. */
  longest = 0;
  /** A number that was given twice, or a sum that went back. */
  readonly wrong: string[] = [];

  write(told: Exclude<Told, { kind: "done" }>): void {
    if (told.kind === "refused") {
      this.refused++;
      if (told.of === "counted") this.unknown++;
      return;
    }
    this.acknowledged++;
    this.longest = Math.max(this.longest, told.milliseconds / 1000);
    if (told.kind === "set") this.values.set(told.key, told.version);
    else if (told.kind === "appended") {
      const list = this.lists.get(told.list) ?? new Map<number, number>();
      if (list.has(told.seq)) this.wrong.push(`number ${told.seq} of ${told.list} was given twice`);
      this.lists.set(told.list, list.set(told.seq, told.version));
    } else if (told.kind === "held") {
      const before = this.tokens.get(told.lock) ?? 0;
      if (told.token <= before) this.wrong.push(`${told.lock} was given token ${told.token} after ${before}`);
      this.tokens.set(told.lock, told.token);
    } else {
      const before = this.counters.get(told.counter) ?? 0;
      if (told.value <= before) this.wrong.push(`${told.counter} went from ${before} to ${told.value}`);
      this.counters.set(told.counter, told.value);
    }
  }
}

/** Everything that is written under kills, compared with what is stored. */
export async function killAndCompareSession(url: string, kill: Kill, kills: number): Promise<Outcome> {
  const ledger = new Ledger();
  const hear = (told: Exclude<Told, { kind: "done" }>) => ledger.write(told);
  await underKills<Told>({ script: "session-writer.ts", words: [url, TENANT], hear }, ledger, kill, kills);
  const { acknowledged, refused, longest } = ledger;
  return {
    kills: ledger.kills,
    acknowledged,
    refused,
    longest,
    lost: [...ledger.wrong, ...(await compare(url, ledger))],
  };
}

async function compare(url: string, ledger: Ledger): Promise<string[]> {
  const stores = openStores({ SESSION_URL: url });
  const { session } = stores.tenant(TENANT);
  const lost: string[] = [];
  for (const [key, version] of ledger.values) {
    const found = (await session.get(key)) as { version: number } | undefined;
    if (found?.version !== version) lost.push(`${key} is ${found?.version}, acknowledged was ${version}`);
  }
  for (const [list, acknowledged] of ledger.lists) {
    const found = new Map<number, unknown>();
    for (let after = 0; ; ) {
      const page = await session.messages(list, { after, limit: 10_000 });
      for (const { seq, value } of page) found.set(seq, value);
      after = page.at(-1)?.seq ?? after;
      if (page.length === 0) break;
    }
    for (const [seq, version] of acknowledged)
      if (found.get(seq) !== version) lost.push(`${list} ${seq} is ${found.get(seq)}, acknowledged was ${version}`);
    if (Math.max(...found.keys()) !== found.size) lost.push(`${list} has a gap`);
  }
  for (const [counter, value] of ledger.counters) {
    const found = await session.counter(counter);
    if (found < value || found > value + ledger.unknown)
      lost.push(`${counter} is ${found}, acknowledged was ${value}, ${ledger.unknown} unknown`);
  }
  await stores.close();
  return lost;
}
