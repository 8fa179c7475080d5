import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../../../adapters/errors.ts";
import type { RunStore } from "../../../adapters/index.ts";
import { type Context, check, type RoleSteps, type Step } from "../step.ts";

/** What proves the `run` role: an agent that reports on documents, the workers that do its parts, and one of them that dies. */
export function runSteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Report(context);
  return { steps, ping: () => store().get("report"), afterRestart };
}

const PARTS = ["1863 Lincoln", "1961 Kennedy", "1990 Bush – “a thousand points of light” 🏛"];
const PLAN = { step: 1, parts: PARTS, budget: { tokens: 4_096, spent: 0.25 }, model: null };
const LEASE = 300;
const worker = "smoke";

class Report {
  readonly #context: Context;
  #token = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly store = (): RunStore => this.#context.tenant("reporter").run;

  readonly steps: Step[] = [
    { name: "plan a run and its parts", role: "run", run: () => this.#plan() },
    { name: "work through the queue", role: "run", run: () => this.#work() },
    { name: "take over a lost lease", role: "run", run: () => this.#takeOver() },
    { name: "optimistic version", role: "run", run: () => this.#version() },
    { name: "another tenant's runs", role: "run", run: () => this.#isolation() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the runs back", role: "run", run: () => this.#readBack() }];

  async #plan(): Promise<string> {
    const { created } = await this.store().create({ id: "report", kind: "report", state: PLAN });
    check(created, "a run was there before it was created");
    const parts = PARTS.map((part, n) => ({
      id: `part-${n}`,
      kind: "part",
      state: { part },
      parent: "report",
      priority: n,
    }));
    const made = await this.store().createMany(parts);
    check(
      made.every((one) => one.created),
      "parts were there before they were created",
    );
    const again = await this.store().create({ id: "part-0", kind: "other" });
    check(!again.created && again.run.kind === "part", "a second creation was no answer with the first");
    await this.#expectPlan();
    return `one run and ${PARTS.length} parts; a second creation changed nothing`;
  }

  async #work(): Promise<string> {
    const stop = new AbortController();
    const order: string[] = [];
    const done = this.store().work(
      async ({ id, state }, { checkpoint }) => {
        order.push(id);
        await checkpoint({ ...(state as object), read: true });
        if (order.length === PARTS.length) stop.abort();
        return { words: JSON.stringify(state).length };
      },
      { worker, kinds: ["part"], pollMs: 10, signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]) },
    );
    const { succeeded } = await done;
    check(succeeded === PARTS.length, `${succeeded} of ${PARTS.length} parts were completed`);
    const expected = PARTS.map((_, n) => `part-${PARTS.length - 1 - n}`);
    check(isDeepStrictEqual(order, expected), `by priority the parts come as ${order.join(", ")}`);
    await this.#expectParts();
    return `${succeeded} parts completed, highest priority first`;
  }

  async #takeOver(): Promise<string> {
    const [first] = await this.store().claim({ worker: "dies", kinds: ["report"], leaseMs: LEASE });
    check(first?.id === "report", "the run is not given to who asks for it");
    const started = performance.now();
    let second: typeof first | undefined;
    while (!second && performance.now() - started < 10_000) {
      [second] = await this.store().claim({ worker, kinds: ["report"], leaseMs: 60_000 });
      if (!second) await sleep(10);
    }
    check(second !== undefined, `a lease of ${LEASE} ms is not taken over in 10 s`);
    // By the store's own clock, since a busy machine may ask late.
    check(second.updatedAt >= first.lease.until, "two have the same run");
    check(second.lease.token > first.lease.token && second.attempt === 2, "the next holder has no newer token");
    const late = await this.store()
      .complete("report", first.lease.token, "too late")
      .then(
        () => "accepted",
        (error) => (error instanceof StoreError ? error.code : String(error)),
      );
    check(late === "conflict", `an end by the holder of before was ${late}`);
    this.#token = second.lease.token;
    return `taken over ${(performance.now() - started).toFixed(0)} ms after a claim of ${LEASE} ms; the first holder's end refused`;
  }

  async #version(): Promise<string> {
    const before = await this.store().get("report");
    const condition = { expectedVersion: before?.version ?? 0 };
    const all = await Promise.allSettled(
      [1, 2, 3].map((priority) => this.store().update("report", { priority }, condition)),
    );
    const won = all.filter(({ status }) => status === "fulfilled").length;
    check(won === 1, `${won} of 3 changes of the same version were taken`);
    check(
      await this.store().extend("report", this.#token, 3_600_000),
      "the holder lost its lease to a change of priority",
    );
    return "one of three changes of the same version won";
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").run;
    const seen = [await stranger.get("report"), await stranger.claim({ worker }), await stranger.counts()];
    check(isDeepStrictEqual(seen, [undefined, [], []]), "a tenant that wrote nothing reads something");
    check(!(await stranger.cancel("report")), "a tenant cancelled another's run");
    check(!(await stranger.extend("report", this.#token)), "a tenant extended another's lease");
    await this.#expectParts();
    return "saw nothing, and could neither cancel nor hold what is here";
  }

  async #readBack(): Promise<string> {
    await this.#expectPlan();
    await this.#expectParts();
    const kept = await this.store().get("report");
    check(kept?.lease?.token === this.#token, `the lease has token ${kept?.lease?.token}, not ${this.#token}`);
    await this.store().complete("report", this.#token, { done: true });
    check((await this.store().get("report"))?.status === "succeeded", "a lease of before the restart does not hold");
    return `${PARTS.length} results, and a lease that outlived the restart`;
  }

  async #expectPlan(): Promise<void> {
    const found = (await this.store().get("report"))?.state;
    check(isDeepStrictEqual(found, PLAN), `the state came back as ${JSON.stringify(found)}`);
  }

  async #expectParts(): Promise<void> {
    const { runs } = await this.store().list({ parent: "report", status: "succeeded" });
    const found = runs.map(({ id, state }) => [id, state]);
    const expected = PARTS.map((part, n) => [`part-${n}`, { part, read: true }]).reverse();
    check(isDeepStrictEqual(found, expected), `the parts came back as ${JSON.stringify(found).slice(0, 200)}`);
  }
}
