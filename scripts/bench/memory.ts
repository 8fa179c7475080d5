import type pg from "pg";
import { openFleet, openStores } from "../../adapters/index.ts";
import { stringsOf, wordsOf } from "../../adapters/memory/words.ts";
import { median } from "./data.ts";
import { connected, type Place } from "./place.ts";

export interface MemoryFigures {
  call: string;
  /** Median milliseconds a call. */
  ours: number;
  baseline: number;
  /** Median over rounds of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

const CALLS = 100;
const WARM_UP = 2;
const TOPICS = ["travel", "billing", "diet", "music", "family"];

/** What an assistant remembers of a user: a sentence and some fields. */
const fact = (n: number, turn: number) => ({
  key: `user/${n % 1_000}/topic/${n}`,
  value: {
    says: `User ${n} prefers ${TOPICS[n % 5]} in week ${turn}, and said so twice.`,
    seen: [n, turn],
    code: `c${n}`,
  },
  agent: `agent-${n % 10}`,
  kind: TOPICS[n % 5] ?? "",
  source: `chat-${n % 100}`,
  confidence: (n % 10) / 10,
});

/** Facts that are put, read and searched for one after the other, ours and by hand in turns, each among `rows` facts of a tenant of its own in the same tables. */
export async function memoryBench(place: Place, rows: number, rounds: number): Promise<MemoryFigures[]> {
  const stores = openStores({ MEMORY_URL: place.app });
  const fleet = openFleet({ MEMORY_URL: place.fleet });
  const client = await connected(place.app, true);
  const owner = await connected(place.admin, false);
  const names = { ours: `bench-${process.pid}-ours`, baseline: `bench-${process.pid}-hand` };
  try {
    for (const tenant of Object.values(names))
      for (let n = 0; n < rows; n += 1_000) {
        const many = Array.from({ length: Math.min(1_000, rows - n) }, (_, at) => fact(n + at, 0));
        await stores.tenant(tenant).memory.putMany(many);
      }
    await owner.query("vacuum (analyze) agents.memory_facts, agents.memory_words, agents.memory_events");
    const { memory } = stores.tenant(names.ours);
    const hand = byHand(client, names.baseline);
    let turn = 0;
    const some = (n: number) => (n * 7_919 + turn * 104_729) % rows;
    const calls: [string, (n: number) => Promise<unknown>, (n: number) => Promise<unknown>][] = [
      ["put", (n) => memory.put(fact(some(n), ++turn)), (n) => hand.put(fact(some(n), ++turn))],
      ["get", (n) => memory.get(fact(some(n), 0).key), (n) => hand.get(fact(some(n), 0).key)],
      ["search by kind", (n) => memory.search({ kind: TOPICS[n % 5] }), (n) => hand.byKind(TOPICS[n % 5] ?? "")],
      ["search by a word", (n) => memory.search({ text: `c${some(n)} ` }), (n) => hand.byWord(`c${some(n)}`)],
    ];
    const figures: MemoryFigures[] = [];
    for (const [call, ours, baseline] of calls) figures.push(await inTurns(call, { ours, baseline }, rounds));
    return figures;
  } finally {
    for (const tenant of Object.values(names)) await fleet.deleteTenant(tenant);
    await Promise.all([stores.close(), fleet.close(), client.end(), owner.end()]);
  }
}

async function inTurns(
  call: string,
  ways: Record<"ours" | "baseline", (n: number) => Promise<unknown>>,
  rounds: number,
): Promise<MemoryFigures> {
  const times: { ours: number; baseline: number }[] = [];
  for (let round = -WARM_UP; round < rounds; round++) {
    const time = { ours: 0, baseline: 0 };
    for (const who of round % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
      const started = performance.now();
      for (let n = 0; n < CALLS; n++) await ways[who](n);
      time[who] = (performance.now() - started) / CALLS;
    }
    if (round >= 0) times.push(time);
  }
  const of = (figure: (time: { ours: number; baseline: number }) => number) => median(times.map(figure));
  return {
    call,
    ours: of(({ ours }) => ours),
    baseline: of(({ baseline }) => baseline),
    ratio: of(({ ours, baseline }) => ours / baseline),
  };
}

const COLUMNS =
  "key, fact_id, agent_id, kind, value_json, source, confidence, expires_at, version, created_at, updated_at";
const THERE = "deleted_at is null and (expires_at is null or expires_at > now())";

/** What an expert would prepare by hand for the same tables: one statement a call, in one round trip with the tenant transaction around it. */
function byHand(client: pg.Client, tenant: string) {
  const run = async (name: string, text: string, values: unknown[]) => {
    const [, , { rows }] = await Promise.all([
      client.query("begin"),
      client.query({ name: "tenant", text: "select set_config('app.tenant', $1, true)", values: [tenant] }),
      client.query({ name, text, values }),
      client.query("commit"),
    ]);
    return rows;
  };
  return {
    put: ({ key, value, agent, kind, source, confidence }: ReturnType<typeof fact>) =>
      run("put", PUT, [
        ...[tenant, key, agent, kind, JSON.stringify(value), source, confidence],
        wordsOf(key, kind, source, ...stringsOf(value)),
      ]),
    get: (key: string) => run("get", `select ${COLUMNS} from agents.memory_facts where key = $1 and ${THERE}`, [key]),
    byKind: (kind: string) =>
      run(
        "kind",
        `select ${COLUMNS} from agents.memory_facts where kind = $1 and ${THERE} order by updated_at desc, fact_id desc limit 20`,
        [kind],
      ),
    byWord: (word: string) =>
      run(
        "word",
        `select ${COLUMNS} from agents.memory_facts where fact_id in (select fact_id from agents.memory_words where word = $1) and ${THERE}
          order by updated_at desc, fact_id desc limit 20`,
        [word],
      ),
  };
}

const PUT = `with put as (
    insert into agents.memory_facts as f (tenant_id, key, fact_id, agent_id, kind, value_json, source, confidence, version, created_at, updated_at)
    values ($1, $2, gen_random_uuid(), $3, $4, $5, $6, $7, 1, now(), now())
    on conflict (tenant_id, key) where deleted_at is null do update set agent_id = excluded.agent_id, kind = excluded.kind, value_json = excluded.value_json,
      source = excluded.source, confidence = excluded.confidence, version = f.version + 1, updated_at = now()
    returning f.*
  ), gone as (
    delete from agents.memory_words w using put where w.fact_id = put.fact_id and w.word <> all ($8::text[])
  ), added as (
    insert into agents.memory_words (tenant_id, word, fact_id) select $1, n.word, put.fact_id from put, unnest($8::text[]) n (word) on conflict do nothing
  ), events as (
    insert into agents.memory_events (tenant_id, key, seq, at, action, fact_id, agent_id, kind, value_json, source, confidence, version, created_at)
    select $1, key, (select coalesce(max(seq), 0) + 1 from agents.memory_events e where e.key = put.key), now(), 'put', fact_id, agent_id, kind, value_json, source,
      confidence, version, created_at from put
  )
  select ${COLUMNS} from put`;
