import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../../../adapters/errors.ts";
import { type Json, openStores, type SessionStore } from "../../../adapters/index.ts";
import { type Context, check, type RoleSteps, type Step } from "../step.ts";

/** What proves the `session` role: a conversation of an assistant, and the workers that share it. */
export function sessionSteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Conversation(context);
  return { steps, ping: () => store().get("profile"), afterRestart };
}

const TURNS: Json[] = [
  { role: "user", content: "Which of the addresses names the Grand Canyon?" },
  { role: "assistant", content: "One moment – I am looking.", tool: { name: "search", arguments: { topK: 5 } } },
  { role: "tool", content: "3 passages", scores: [0.91, 0.4, -0.02] },
  { role: "assistant", content: "None of the twelve does. 🏞" },
  { role: "user", content: "Merci!" },
];
const KEPT = 4;
const PROFILE = { name: "Zoë", language: "fr", seen: null };
const LIMIT = 5;
const SCORES = { retrieval: 12.5, memory: 3, "tool use": 3, planning: -1 };
const ORDER = ["retrieval", "memory", "tool use", "planning"];
/** Milliseconds for a message to arrive and for a short life to end, on a machine that has other work. */
const PATIENCE = 5_000;

class Conversation {
  readonly #context: Context;
  #token = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly store = (): SessionStore => this.#context.tenant("assistant").session;

  readonly steps: Step[] = [
    { name: "hold a conversation", role: "session", run: () => this.#converse() },
    { name: "values and their time", role: "session", run: () => this.#values() },
    { name: "rate limit", role: "session", run: () => this.#limit() },
    { name: "lock and fence", role: "session", run: () => this.#lock() },
    { name: "ranking", role: "session", run: () => this.#rank() },
    { name: "publish", role: "session", run: () => this.#publish() },
    { name: "another tenant", role: "session", run: () => this.#isolation() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the session back", role: "session", run: () => this.#readBack() }];

  async #converse(): Promise<string> {
    await this.store().append("turns", TURNS.slice(0, 1));
    const { seq, length } = await this.store().append("turns", TURNS.slice(1), { keep: KEPT });
    check(seq === TURNS.length && length === KEPT, `the list holds ${length} messages up to number ${seq}`);
    await this.#expectTurns();
    const [next] = await this.store().messages("turns", { after: 3, limit: 1 });
    check(next?.seq === 4, `after message 3 comes ${next?.seq}`);
    return `${TURNS.length} turns, of which the newest ${KEPT} are kept`;
  }

  async #values(): Promise<string> {
    check(await this.store().set("profile", PROFILE, { ifAbsent: true }), "a value was there before it was written");
    check(!(await this.store().set("profile", "other", { ifAbsent: true })), "ifAbsent wrote over a value");
    await this.store().set("short", 1, { ttlMs: 50 });
    await this.#expectProfile();
    await until(async () => (await this.store().get("short")) === undefined, "a value of 50 ms does not end");
    const counted = await Promise.all(Array.from({ length: 20 }, () => this.store().increment("tokens", 7)));
    check(Math.max(...counted) === 140, `20 additions of 7 at once gave ${Math.max(...counted)}`);
    return "one kept, one whose time ended, one counted to 140";
  }

  async #limit(): Promise<string> {
    const rate = { limit: LIMIT, windowMs: 3_600_000 };
    const answers = await Promise.all(Array.from({ length: 3 * LIMIT }, () => this.store().rateLimit("asks", rate)));
    const allowed = answers.filter((answer) => answer.allowed).length;
    check(allowed === LIMIT, `${allowed} calls were allowed where the limit is ${LIMIT}`);
    const refusal = answers.find((answer) => !answer.allowed);
    check((refusal?.retryAfterMs ?? 0) > 0, "a refused call is not told when to come back");
    return `${LIMIT} of ${answers.length} calls at once were let in`;
  }

  async #lock(): Promise<string> {
    const first = await this.store().lock("writer", { ttlMs: 10_000 });
    check(first !== undefined, "a lock that nobody has is refused");
    check((await this.store().lock("writer")) === undefined, "two have the same lock");
    await this.store().set("draft", "by the first", { fence: first });
    check(await first.release(), "a lock that is held cannot be given back");
    const second = await this.store().lock("writer");
    check(second !== undefined && second.token > first.token, "the next holder has no newer token");
    const late = await this.store()
      .set("draft", "too late", { fence: first })
      .then(
        () => "accepted",
        (error) => (error instanceof StoreError ? error.code : String(error)),
      );
    check(late === "conflict", `a write with the old token was ${late}`);
    await this.store().set("draft", "by the second", { fence: second });
    await second.release();
    this.#token = second.token;
    return "held, refused to a second, and a write with the old token refused";
  }

  async #rank(): Promise<string> {
    for (const [member, score] of Object.entries(SCORES)) await this.store().setScore("skills", member, score);
    await this.store().addScore("skills", "planning", 20);
    await this.store().addScore("skills", "planning", -20);
    await this.#expectRanking();
    return ORDER.join(", ");
  }

  async #publish(): Promise<string> {
    await using others = openStores({ SESSION_URL: this.#context.urlOf("session") });
    const heard: Json[] = [];
    const listener = others.tenant(this.#context.idOf("assistant")).session;
    const subscription = await listener.subscribe("events", (message) => void heard.push(message));
    const started = performance.now();
    for (const turn of TURNS) await this.store().publish("events", turn);
    await until(async () => heard.length >= TURNS.length, "a second client does not hear what is published");
    const took = performance.now() - started;
    check(isDeepStrictEqual(heard, TURNS), "messages came changed or in another order");
    await subscription.close();
    return `${heard.length} messages reached a second client in ${took.toFixed(0)} ms`;
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").session;
    const seen = [await stranger.get("profile"), await stranger.counter("tokens"), await stranger.messages("turns")];
    check(isDeepStrictEqual(seen, [undefined, 0, []]), "a tenant that wrote nothing reads something");
    for await (const key of stranger.keys()) check(false, `a tenant that wrote nothing has the key ${key}`);
    await stranger.set("profile", "mine");
    await stranger.clearMessages("turns");
    await this.#expectProfile();
    await this.#expectTurns();
    return "saw nothing, and the same names of its own changed nothing here";
  }

  async #readBack(): Promise<string> {
    await this.#expectTurns();
    await this.#expectProfile();
    await this.#expectRanking();
    const [tokens, draft] = [await this.store().counter("tokens"), await this.store().get("draft")];
    check(tokens === 140 && draft === "by the second", `the counter is ${tokens}, the draft ${JSON.stringify(draft)}`);
    await using lock = await this.store().lock("writer");
    check((lock?.token ?? 0) > this.#token, `the next token is ${lock?.token} where ${this.#token} was given before`);
    return "turns, value, counter and ranking; the next token is newer";
  }

  async #expectTurns(): Promise<void> {
    const kept = (await this.store().messages("turns")).map(({ seq, value }) => ({ seq, value }));
    const expected = TURNS.map((value, at) => ({ seq: at + 1, value })).slice(-KEPT);
    check(isDeepStrictEqual(kept, expected), `the turns came back as ${JSON.stringify(kept).slice(0, 200)}`);
  }

  async #expectProfile(): Promise<void> {
    const found = await this.store().get("profile");
    check(isDeepStrictEqual(found, PROFILE), `the profile came back as ${JSON.stringify(found)}`);
  }

  async #expectRanking(): Promise<void> {
    const found = (await this.store().ranking("skills")).map(({ member }) => member);
    check(isDeepStrictEqual(found, ORDER), `the ranking is ${found.join(", ")}`);
  }
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE; !(await holds()); await sleep(5))
    check(performance.now() < deadline, otherwise);
}
