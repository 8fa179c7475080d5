import { StoreError } from "../errors.ts";
import type { CheckedFact, KeptChange, KeptFact, MemoryBackend, Written } from "./backend.ts";
import type { Change, Fact, MemoryCapabilities, MemoryStore } from "./contract.ts";
import * as check from "./validate.ts";

const dateOf = (micros: number) => new Date(Math.floor(micros / 1_000));

function factOf({ expires, created, updated, ...fact }: KeptFact): Fact {
  return {
    ...fact,
    expiresAt: expires === null ? null : dateOf(expires),
    createdAt: dateOf(created),
    updatedAt: dateOf(updated),
  };
}

/** Facts that were put, in the order in which they were given. */
function factsOf(given: readonly CheckedFact[], written: readonly Written[]): Fact[] {
  const byKey = new Map(written.map((one) => [one.key, one]));
  return given.map(({ json, words: _, ...fact }) =>
    factOf({ ...fact, ...(byKey.get(fact.key) as Written), value: JSON.parse(json) }),
  );
}

/** `earlier` is the change before this one, if it is known. */
function changeOf({ fact, at, key: _, ...change }: KeptChange, earlier: KeptChange | undefined): Change {
  const before = earlier?.id === change.id ? earlier.fact : null;
  return { ...change, at: dateOf(at), before: before && factOf(before), after: fact && factOf(fact) };
}

/** The contract over what a protocol does: checks what comes in, and turns what is kept into facts. */
export function memoryStore(
  backend: MemoryBackend,
  can: MemoryCapabilities,
  why: Partial<Record<keyof MemoryCapabilities, string>>,
): MemoryStore {
  async function conflict(key: string, expected: number): Promise<never> {
    const [there] = await backend.get([key]);
    const what = `"${key}" ${there ? `has version ${there.version}` : "has no fact"}, not version ${expected}: nothing was put.`;
    throw new StoreError("conflict", "memory", what, "Read it again, and put what then holds.");
  }
  return {
    can,
    why,
    async put(given, options) {
      const fact = check.checkFact(given);
      const { actor, expected } = check.checkPut(options);
      const written = await backend.put([fact], actor, expected);
      if (!written) return conflict(fact.key, expected ?? 0);
      return factsOf([fact], written)[0] as Fact;
    },
    async putMany(given, options) {
      const facts = check.checkFacts(given);
      return factsOf(facts, (await backend.put(facts, check.checkActor(options, "putMany"))) ?? []);
    },
    async get(key) {
      const [found] = await backend.get([check.checkName(key, "The key")]);
      return found && factOf(found);
    },
    async getMany(keys) {
      const names = check.checkKeys(keys);
      const found = names.length === 0 ? [] : await backend.get([...new Set(names)]);
      const byKey = new Map(found.map((one) => [one.key, one]));
      return names.map((name) => byKey.get(name)).map((one) => one && factOf(one));
    },
    async delete(given, options) {
      const which = check.checkWhich(given);
      const actor = check.checkActor(options, "delete");
      if ("id" in which && !check.isId(which.id)) return false; // no store ever gave it
      return backend.delete(which, actor);
    },
    async search(given) {
      const search = check.checkSearch(given);
      if (!search) return { facts: [] };
      const { limit } = search;
      const found = await backend.search({ ...search, limit: limit + 1 });
      const facts = found.slice(0, limit);
      const last = found.length > limit ? facts.at(-1) : undefined;
      return { facts: facts.map(factOf), ...(last && { next: check.cursorOf(last) }) };
    },
    async history(key, options) {
      const name = check.checkName(key, "The key");
      const { limit, before } = check.checkHistory(options);
      const changes = await backend.history(name, limit + 1, before);
      return changes.slice(0, limit).map((one, at) => changeOf(one, changes[at + 1]));
    },
  };
}
