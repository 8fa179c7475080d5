import type pg from "pg";
import { openFleet, openStores } from "../../adapters/index.ts";
import { median } from "./data.ts";
import { connected } from "./place.ts";

export interface RunFigures {
  call: "create" | "claim and complete";
  /** Median microseconds a run. */
  ours: number;
  baseline: number;
  /** Median over rounds of ours / baseline: 1 is as fast, more is slower. */
  ratio: number;
}

const RUNS = 400;
const WARM_UP = 2;
const CALLS = ["create", "claim and complete"] as const;

interface Way {
  create(id: string): Promise<unknown>;
  /** Of the next run, one after the other. */
  "claim and complete"(): Promise<unknown>;
}

/** What an agent has come to. */
const STATE = {
  step: 3,
  plan: ["read", "compare", "write"],
  notes: "The user asked for the addresses that name the Grand Canyon. ".repeat(4),
};
const RESULT = { summary: "none of the twelve does" };

/** Creates runs, then claims and completes them, ours and with the bare client in turns: the same table, account and tenant transaction, each sent in one message. */
export async function runBench(app: string, fleetUrl: string, rounds: number): Promise<RunFigures[]> {
  const tenant = `bench-${process.pid}`;
  const stores = openStores({ RUN_URL: app });
  const fleet = openFleet({ RUN_URL: fleetUrl });
  const client = await connected(app, true);
  const { run } = stores.tenant(`${tenant}-a`);
  const ways: Record<"ours" | "baseline", Way> = {
    ours: {
      create: (id) => run.create({ id, kind: "bench", state: STATE }),
      async "claim and complete"() {
        const [one] = await run.claim({ worker: "bench", kinds: ["bench"] });
        await run.complete(one?.id ?? "", one?.lease.token ?? 0, RESULT);
      },
    },
    baseline: byHand(client, `${tenant}-b`),
  };
  try {
    const times: Record<(typeof CALLS)[number], { ours: number; baseline: number }[]> = {
      create: [],
      "claim and complete": [],
    };
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const call of CALLS) {
        // Call by call in turns: what else the machine does meets both.
        const took: Record<"ours" | "baseline", number[]> = { ours: [], baseline: [] };
        for (let n = 0; n < RUNS; n++) {
          for (const who of n % 2 ? (["ours", "baseline"] as const) : (["baseline", "ours"] as const)) {
            const started = performance.now();
            await ways[who][call](`${round}-${n}`);
            took[who].push((performance.now() - started) * 1_000);
          }
        }
        const time = { ours: median(took.ours), baseline: median(took.baseline) };
        if (round >= 0) times[call].push(time);
      }
    }
    return CALLS.map((call) => ({
      call,
      ours: median(times[call].map(({ ours }) => ours)),
      baseline: median(times[call].map(({ baseline }) => baseline)),
      ratio: median(times[call].map(({ ours, baseline }) => ours / baseline)),
    }));
  } finally {
    for (const who of ["a", "b"]) await fleet.deleteTenant(`${tenant}-${who}`);
    await Promise.all([stores.close(), fleet.close(), client.end()]);
  }
}

/** As an expert writes a queue: prepared statements, skip locked, and the transaction of a tenant in one message. */
function byHand(client: pg.Client, tenant: string): Way {
  const begin = `begin; set local app.tenant = '${tenant}'; set local statement_timeout = 30000`;
  async function transact(name: string, text: string, values: unknown[]): Promise<pg.QueryResult> {
    const [, result] = await Promise.all([
      client.query(begin),
      client.query({ name, text, values }),
      client.query("commit"),
    ]);
    return result;
  }
  return {
    create: (id) =>
      transact(
        "create",
        `insert into agents.run_state (tenant_id, run_id, kind, status, state, version, attempt, max_attempts, priority, not_before, token, created_at, updated_at)
         values ($1, $2, $3, 'queued', $4, 1, 0, 3, 0, now(), 0, now(), now()) on conflict do nothing returning *`,
        [tenant, id, "bench", JSON.stringify(STATE)],
      ),
    async "claim and complete"() {
      const { rows } = await transact(
        "claim",
        `update agents.run_state set status = 'running', attempt = attempt + 1, worker = $2, lease_until = now() + $3::float8 * interval '1 millisecond', token = token + 1,
           version = version + 1, updated_at = now()
         where (tenant_id, run_id) = (select tenant_id, run_id from agents.run_state where tenant_id = $1 and kind = $4 and not_before <= now() and due_at <= now()
           order by priority desc, not_before limit 1 for update skip locked)
         returning *`,
        [tenant, "bench", 30_000, "bench"],
      );
      await transact(
        "complete",
        `update agents.run_state set status = 'succeeded', result = $4, error = null, finished_at = now(), worker = null, lease_until = null, version = version + 1, updated_at = now()
         where tenant_id = $1 and run_id = $2 and token = $3 and status = 'running' returning version`,
        [tenant, rows[0]?.run_id, rows[0]?.token, JSON.stringify(RESULT)],
      );
    },
  };
}
