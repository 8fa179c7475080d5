import { type Names, runsByName } from "../runs.ts";
import type { KeptChange, MemoryBackend } from "./backend.ts";
import type { MemoryStore } from "./contract.ts";
import { checkName } from "./validate.ts";

/** Keys of a run's facts have its prefix. The words of a key are those that were said, without it. */
export default runsByName<MemoryBackend, MemoryStore>("memory", checkName, renamed);

function renamed(backend: MemoryBackend, { part, kept, shown }: Names): MemoryBackend {
  const key = (name: string) => kept(name, "The key");
  const shownOf = <One extends { key: string }>(one: One): One => ({ ...one, key: shown(one.key) });
  const shownChange = (one: KeptChange): KeptChange => ({ ...shownOf(one), fact: one.fact && shownOf(one.fact) });
  return {
    ...backend,
    async put(facts, actor, expected) {
      const all = facts.map((one) => ({ ...one, key: key(one.key) }));
      return (await backend.put(all, actor, expected))?.map(shownOf);
    },
    get: async (keys) => (await backend.get(keys.map(key))).map(shownOf),
    delete: async (which, actor) => backend.delete("key" in which ? { key: key(which.key) } : which, actor, part),
    async search(search) {
      if (!part.inside) return backend.search({ ...search, part });
      const { from, to } = search.keys ?? { from: "", to: null };
      const keys = { from: part.from + from, to: to === null ? part.to : part.from + to };
      return (await backend.search({ ...search, keys })).map(shownOf);
    },
    history: async (name, limit, before) => (await backend.history(key(name), limit, before)).map(shownChange),
  };
}
