import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../../../adapters/errors.ts";
import { type EventStore, type NewEvent, openStores } from "../../../adapters/index.ts";
import { type Context, check, type RoleSteps, type Step } from "../step.ts";

/** What proves the `event` role: the trail of an agent's task, and the workers that follow it. */
export function eventSteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Task(context);
  return { steps, ping: () => store().head("task"), afterRestart };
}

const TRAIL: NewEvent[] = [
  { type: "task.received", data: { goal: "Find who named the Grand Canyon", budget: 0.25 }, id: "task-1" },
  { type: "tool.called", data: { tool: "search", arguments: { topK: 5 } } },
  { type: "tool.answered", data: { passages: 3, scores: [0.91, 0.4, -0.02] } },
  { type: "task.done", data: { answer: "None of the twelve does. 🏞", cost: null } },
];
/** Milliseconds for an event to arrive, on a machine that has other work. */
const PATIENCE = 10_000;

class Task {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly store = (): EventStore => this.#context.tenant("agent").event;

  readonly steps: Step[] = [
    { name: "append and read", role: "event", run: () => this.#append() },
    { name: "one of two writers", role: "event", run: () => this.#race() },
    { name: "workers of a group", role: "event", run: () => this.#work() },
    { name: "hand out again", role: "event", run: () => this.#retry() },
    { name: "trim", role: "event", run: () => this.#trim() },
    { name: "another tenant", role: "event", run: () => this.#isolation() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the events back", role: "event", run: () => this.#readBack() }];

  async #append(): Promise<string> {
    const store = this.store();
    const first = await store.append("task", TRAIL.slice(0, 1), { expectedVersion: 0 });
    const again = await store.append("task", TRAIL.slice(0, 1));
    check(first.version === 1 && again.version === 1, `an append that was repeated is at version ${again.version}`);
    const { version } = await store.append("task", TRAIL.slice(1), { expectedVersion: 1 });
    check(version === TRAIL.length, `the stream is at version ${version}`);
    await this.#expectTrail();
    const [newest] = await store.read("task", { backwards: true, limit: 1 });
    check(newest?.type === "task.done", `the newest event is ${newest?.type}`);
    return `${TRAIL.length} events; one that was sent twice is there once`;
  }

  async #race(): Promise<string> {
    const all = await Promise.allSettled(
      Array.from({ length: 4 }, (_, n) =>
        this.store().append("race", [{ type: "claimed", data: n }], { expectedVersion: 0 }),
      ),
    );
    const won = all.filter(({ status }) => status === "fulfilled").length;
    check(won === 1, `${won} of 4 writers appended at the same version`);
    for (const one of all)
      if (one.status === "rejected")
        check(one.reason instanceof StoreError && one.reason.code === "conflict", `a writer failed: ${one.reason}`);
    return "1 of 4 writers appended, the others were told of a conflict";
  }

  async #work(): Promise<string> {
    await using others = openStores({ EVENT_URL: this.#context.urlOf("event") });
    const there = others.tenant(this.#context.idOf("agent")).event;
    const seen: number[] = [];
    const handle = ({ version }: { version: number }) => void seen.push(version);
    await using _one = await this.store().subscribe("jobs", { group: "workers" }, handle);
    await using _two = await there.subscribe("jobs", { group: "workers" }, handle);
    const jobs = Array.from({ length: 20 }, (_, n) => ({ type: "job", data: n }));
    const started = performance.now();
    await Promise.all([this.store().append("jobs", jobs), there.append("jobs", jobs)]);
    await until(async () => seen.length >= 40, "not every event reaches the group");
    const took = performance.now() - started;
    seen.sort((a, b) => a - b);
    check(
      seen.every((version, at) => version === at + 1),
      `the group saw ${seen.join(" ")}`,
    );
    return `${seen.length} events to two workers, each once, in ${took.toFixed(0)} ms`;
  }

  async #retry(): Promise<string> {
    const counts: number[] = [];
    await using _ = await this.store().subscribe("task", { group: "audit" }, ({ version }, { count }) => {
      if (version !== 3) return;
      counts.push(count);
      if (count === 1) throw new Error("the auditor was not ready");
    });
    await until(async () => counts.length >= 2, "an event whose handler failed does not come again");
    await until(async () => (await this.#audit())?.pending === 0, "what was handled stays pending");
    check(isDeepStrictEqual(counts, [1, 2]), `it was delivered as number ${counts.join(", ")}`);
    return "an event whose handler failed came again, and was done";
  }

  async #trim(): Promise<string> {
    const removed = await this.store().trim("jobs", { keep: 5 });
    const kept = (await this.store().read("jobs")).map(({ version }) => version);
    check(removed === 35 && isDeepStrictEqual(kept, [36, 37, 38, 39, 40]), `${removed} went, ${kept.join(" ")} stayed`);
    check((await this.store().head("jobs")) === 40, "the version of the stream went back");
    return "35 of 40 events removed, versions kept";
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").event;
    check(
      (await stranger.head("task")) === 0 && (await stranger.read("task")).length === 0,
      "a tenant reads another's",
    );
    for await (const { stream } of stranger.streams()) check(false, `a tenant that wrote nothing has stream ${stream}`);
    await stranger.append("task", [{ type: "mine", data: 1 }], { expectedVersion: 0 });
    await stranger.trim("task", { keep: 0 });
    await this.#expectTrail();
    return "saw nothing, and the same names of its own changed nothing here";
  }

  async #readBack(): Promise<string> {
    await this.#expectTrail();
    const audit = await this.#audit();
    check(audit?.version === TRAIL.length && audit.pending === 0, `the group is at version ${audit?.version}`);
    check((await this.store().append("jobs", [{ type: "job", data: 0 }])).version === 41, "versions do not go on");
    return "events and the group's place; versions go on";
  }

  async #audit() {
    return (await this.store().groups("task")).find(({ group }) => group === "audit");
  }

  async #expectTrail(): Promise<void> {
    const found = (await this.store().read("task")).map(({ type, data, id }) => ({ type, data, ...(id && { id }) }));
    check(isDeepStrictEqual(found, TRAIL), `the events came back as ${JSON.stringify(found).slice(0, 200)}`);
  }
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE; !(await holds()); await sleep(5))
    check(performance.now() < deadline, otherwise);
}
