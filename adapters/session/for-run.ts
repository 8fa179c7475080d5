import { outsideRuns, prefixOf, type RoleRuns, RUNS } from "../runs.ts";
import type { Fence, Lock, SessionAdapter, SessionStore } from "./contract.ts";
import { checkName, checkPrefix } from "./validate.ts";

/** Names as a user says them, and as they are kept. */
interface Names {
  kept(name: string, what: string): string;
  /** A key that was kept, as the user says it; undefined for one that is not shown. */
  shown(key: string): string | undefined;
  prefix(options?: { prefix?: string }): { prefix?: string } | undefined;
}

/** The whole role keeps things by their names, so that a run's are those with its prefix. */
const runs: RoleRuns<SessionAdapter, SessionStore> = {
  atLarge: (adapter, tenant) =>
    renamed(adapter.tenant(tenant), {
      kept: (name, what) => outsideRuns("session", name, what),
      shown: (key) => (key.startsWith(RUNS) ? undefined : key),
      prefix: (options) => options,
    }),
  ofRun(adapter, tenant, run) {
    const start = prefixOf(run);
    const store = renamed(adapter.tenant(tenant), {
      kept: (name, what) => start + checkName(name, what),
      shown: (key) => key.slice(start.length),
      prefix: (options) => ({ prefix: start + checkPrefix(options) }),
    });
    return { store, cleanUp: () => adapter.removeNames(tenant, start) };
  },
};
export default runs;

function renamed(store: SessionStore, names: Names): SessionStore {
  return {
    ...store,
    ...values(store, names),
    ...lists(store, names),
    ...numbers(store, names),
    ...together(store, names),
  };
}

function values(store: SessionStore, { kept, shown, prefix }: Names) {
  const key = (name: string) => kept(name, "The key");
  const fenced = (fence: Fence) => ({ lock: kept(fence.lock, "The fence's lock"), token: fence.token });
  return {
    async set(name, value, options) {
      if (!options?.fence) return store.set(key(name), value, options);
      return store.set(key(name), value, { ...options, fence: fenced(options.fence) });
    },
    get: async (name) => store.get(key(name)),
    getMany: async (keys) => store.getMany(Array.isArray(keys) ? keys.map(key) : keys),
    delete: async (name) => store.delete(key(name)),
    expire: async (name, ttlMs) => store.expire(key(name), ttlMs),
    ttl: async (name) => store.ttl(key(name)),
    async *keys(options) {
      for await (const one of store.keys(prefix(options))) {
        const name = shown(one);
        if (name !== undefined) yield name;
      }
    },
  } satisfies Partial<SessionStore>;
}

function lists(store: SessionStore, { kept }: Names) {
  const list = (name: string) => kept(name, "The list");
  return {
    append: async (name, messages, options) => store.append(list(name), messages, options),
    messages: async (name, options) => store.messages(list(name), options),
    clearMessages: async (name) => store.clearMessages(list(name)),
  } satisfies Partial<SessionStore>;
}

function numbers(store: SessionStore, { kept }: Names) {
  const counter = (name: string) => kept(name, "The counter");
  const ranking = (name: string) => kept(name, "The ranking");
  return {
    increment: async (name, by, options) => store.increment(counter(name), by, options),
    counter: async (name) => store.counter(counter(name)),
    resetCounter: async (name) => store.resetCounter(counter(name)),
    setScore: async (name, member, score) => store.setScore(ranking(name), member, score),
    addScore: async (name, member, by) => store.addScore(ranking(name), member, by),
    ranking: async (name, options) => store.ranking(ranking(name), options),
    rankOf: async (name, member) => store.rankOf(ranking(name), member),
    removeRanked: async (name, member) => store.removeRanked(ranking(name), member),
  } satisfies Partial<SessionStore>;
}

function together(store: SessionStore, { kept }: Names) {
  const channel = (name: string) => kept(name, "The channel");
  return {
    rateLimit: async (name, rate) => store.rateLimit(kept(name, "The bucket"), rate),
    async lock(name, options): Promise<Lock | undefined> {
      const lock = await store.lock(kept(name, "The lock"), options);
      return lock && { ...lock, lock: name };
    },
    publish: async (name, message) => store.publish(channel(name), message),
    subscribe: async (name, receive, fail) => store.subscribe(channel(name), receive, fail),
  } satisfies Partial<SessionStore>;
}
