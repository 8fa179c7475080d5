import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../../../adapters/errors.ts";
import type { Change, Fact, MemorySearch, MemoryStore, NewFact } from "../../../adapters/index.ts";
import { type Context, check, type RoleSteps, type Step } from "../step.ts";

/** What proves the `memory` role: an assistant that gets to know a user, corrects itself, and is asked to forget. */
export function memorySteps(context: Context): RoleSteps {
  const { steps, afterRestart, store } = new Acquaintance(context);
  return { steps, ping: () => store().get("user/name"), afterRestart };
}

const AGENT = "concierge";
const LEARNT: NewFact[] = [
  { key: "user/name", value: "Zoë Adler", source: "form", confidence: 1 },
  { key: "user/city", value: { city: "Graz", since: 2019 }, source: "chat 3", confidence: 0.6 },
  { key: "user/diet", value: ["vegetarian", { since: 2021, says: "no eggs since spring" }], source: "chat 3" },
  { key: "user/card", value: "number ends with 4242", kind: "secret", source: "chat 4" },
  { key: "trip/1", value: "Night train to Zürich on Friday", kind: "plan", source: "chat 5" },
].map((fact) => ({ ...fact, agent: AGENT }));
const CORRECTED = { city: "Zürich", since: 2026 };
/** Milliseconds for a short life to end, on a machine that has other work. */
const PATIENCE = 5_000;

class Acquaintance {
  readonly #context: Context;
  #city: Fact | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Of the run's own tenant; another object after a reopening. */
  readonly store = (): MemoryStore => this.#context.tenant("assistant").memory;

  readonly steps: Step[] = [
    { name: "remember facts", role: "memory", run: () => this.#remember() },
    { name: "find facts", role: "memory", run: () => this.#find() },
    { name: "correct a fact", role: "memory", run: () => this.#correct() },
    { name: "forget a fact", role: "memory", run: () => this.#forget() },
    { name: "another tenant", role: "memory", run: () => this.#isolation() },
  ];

  readonly afterRestart: Step[] = [{ name: "read the memory back", role: "memory", run: () => this.#readBack() }];

  async #remember(): Promise<string> {
    const put = await this.store().putMany(LEARNT, { actor: AGENT });
    check(
      isDeepStrictEqual(
        put.map(({ version }) => version),
        [1, 1, 1, 1, 1],
      ),
      "a first put is not version 1",
    );
    const found = await this.store().getMany(LEARNT.map(({ key }) => key));
    check(isDeepStrictEqual(found, put), "facts came back other than they were put");
    return `${put.length} facts, all or none`;
  }

  async #find(): Promise<string> {
    await this.#expect({ text: "ZÜRICH fri" }, "trip/1");
    await this.#expect({ text: "eggs spring" }, "user/diet");
    await this.#expect({ prefix: "user/", source: "chat 3" }, "user/diet", "user/city");
    await this.#expect({ agent: AGENT, minConfidence: 0.5 }, "user/city", "user/name");
    const { facts, next } = await this.store().search({ limit: 3 });
    const rest = await this.store().search({ limit: 3, after: next });
    const keys = [...facts, ...rest.facts].map(({ key }) => key);
    check(isDeepStrictEqual(keys, LEARNT.map(({ key }) => key).reverse()), `the pages hold ${keys.join(", ")}`);
    return "by words, beginnings, source and confidence, newest first, in pages";
  }

  async #correct(): Promise<string> {
    const rivals = await Promise.allSettled(
      ["Zürich", "Basel", "Chur", "Bern"].map((city) =>
        this.store().put(
          { key: "user/city", value: { ...CORRECTED, city }, agent: AGENT },
          { expectedVersion: 1, actor: city },
        ),
      ),
    );
    const refusals = rivals.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    check(refusals.length === 3, `${4 - refusals.length} of 4 corrections of one version were taken`);
    for (const one of refusals) check(one instanceof StoreError && one.code === "conflict", `one failed with ${one}`);
    this.#city = await this.store().put({ key: "user/city", value: CORRECTED, agent: AGENT }, { actor: "user" });
    const [last, won, first] = await this.store().history("user/city");
    check(last?.actor === "user" && isDeepStrictEqual(last.after, this.#city), "the history lacks the correction");
    check(isDeepStrictEqual(last.before, won?.after), "the history does not say what was there before");
    check(first?.action === "put" && first.before === null, "the history lacks the first put");
    await this.#expect({ text: "graz" });
    return "one of 4 at once was taken; the history has who, when, before and after";
  }

  async #forget(): Promise<string> {
    check(await this.store().delete({ key: "user/card" }, { actor: "user" }), "a fact that is there is not deleted");
    check(!(await this.store().delete({ key: "user/card" })), "a fact was deleted twice");
    await this.store().put({ key: "otp", value: "code 1234", expiresAt: new Date(Date.now() + 50) });
    for (const deadline = performance.now() + PATIENCE; await this.store().get("otp"); await sleep(5))
      check(performance.now() < deadline, "a fact of 50 ms does not end");
    await this.#expect({ text: "4242" });
    await this.#expect({ text: "1234" });
    return "one deleted, one whose time ended; no search finds them";
  }

  async #isolation(): Promise<string> {
    const stranger = this.#context.tenant("stranger").memory;
    const seen = [
      await stranger.get("user/name"),
      (await stranger.search()).facts,
      await stranger.history("user/city"),
    ];
    check(isDeepStrictEqual(seen, [undefined, [], []]), "a tenant that wrote nothing reads something");
    check(!(await stranger.delete({ id: this.#city?.id ?? "" })), "a tenant deleted the fact of another");
    await stranger.put({ key: "user/city", value: "Paris" });
    check(isDeepStrictEqual(await this.store().get("user/city"), this.#city), "a tenant changed the fact of another");
    return "saw nothing, and the same key of its own changed nothing here";
  }

  async #readBack(): Promise<string> {
    check(isDeepStrictEqual(await this.store().get("user/city"), this.#city), "the corrected fact is not as it was");
    await this.#expect({}, "user/city", "trip/1", "user/diet", "user/name");
    await this.#expect({ text: "zürich" }, "user/city", "trip/1");
    const [last]: Change[] = await this.store().history("user/card");
    const told = last?.action === "delete" && last.actor === "user" && last.before?.value === LEARNT[3]?.value;
    check(told, `the history of what was forgotten is ${JSON.stringify(last)}`);
    return "facts, words and history are there; what was forgotten is not";
  }

  async #expect(search: MemorySearch, ...keys: string[]): Promise<void> {
    const found = (await this.store().search(search)).facts.map(({ key }) => key);
    check(isDeepStrictEqual(found, keys), `${JSON.stringify(search)} finds ${found.join(", ") || "nothing"}`);
  }
}
