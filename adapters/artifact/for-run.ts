import { isPlain, refuse } from "../input.ts";
import { outsideRuns, prefixOf, type RoleRuns, RUNS } from "../runs.ts";
import type { ArtifactAdapter, ArtifactStore, PutOptions } from "./contract.ts";
import { parallel } from "./turns.ts";
import { checkFind, checkPath, checkPrefix, checkRun } from "./validate.ts";

/** Paths that a clean-up holds in memory, and deletions that are under way at a time. */
const BATCH = 1_000;
const AT_ONCE = 8;

/** A run's artifacts lie below its prefix, and carry its id. */
const runs: RoleRuns<ArtifactAdapter, ArtifactStore> = {
  atLarge(adapter, tenant) {
    const store = adapter.tenant(tenant);
    return {
      ...renamed(store, outside),
      async *list(options) {
        for await (const one of store.list(options)) if (!one.path.startsWith(RUNS)) yield one;
      },
    };
  },
  ofRun(adapter, tenant, run) {
    const store = adapter.tenant(tenant);
    return { store: narrowed(store, run), cleanUp: async () => ({ artifacts: await removeAll(store, run) }) };
  },
};
export default runs;

/** Where folders are kept, nothing can be beside an artifact of their name. */
function outside(path: string): string {
  if (path === RUNS.slice(0, -1)) outsideRuns("artifact", `${path}/`, "The path");
  return outsideRuns("artifact", path, "The path");
}

/** The calls that name one path. */
function renamed(store: ArtifactStore, kept: (path: string) => string): ArtifactStore {
  return {
    ...store,
    put: async (path, body, options) => store.put(kept(path), body, options),
    get: async (path, options) => store.get(kept(path), options),
    bytes: async (path) => store.bytes(kept(path)),
    text: async (path) => store.text(kept(path)),
    stat: async (path) => store.stat(kept(path)),
    delete: async (path) => store.delete(kept(path)),
    presign: async (path, method, options) => store.presign(kept(path), method, options),
    adopt: async (path, options) => store.adopt(kept(path), options),
  };
}

function narrowed(store: ArtifactStore, run: string): ArtifactStore {
  const start = prefixOf(run);
  const shown = <One extends { path: string }>(one: One): One => ({ ...one, path: one.path.slice(start.length) });
  const mine = (options: PutOptions = {}): PutOptions => {
    if (!isPlain(options)) return options; // for the store to refuse
    if (options.run !== undefined && checkRun(options.run) !== run)
      refuse("artifact", `The stores of run "${run}" keep nothing for run "${options.run}".`, "Leave the run out.");
    return { ...options, run };
  };
  const inside = renamed(store, (path) => start + checkPath(path));
  return {
    ...inside,
    put: async (path, body, options) => shown(await inside.put(path, body, mine(options))),
    async get(path, options) {
      const got = await inside.get(path, options);
      return got && shown(got);
    },
    async stat(path) {
      const info = await inside.stat(path);
      return info && shown(info);
    },
    async adopt(path, options) {
      const info = await inside.adopt(path, mine(options));
      return info && shown(info);
    },
    async *list({ prefix = "" } = {}) {
      for await (const one of store.list({ prefix: start + checkPrefix(prefix) })) yield shown(one);
    },
    async deleteByRun(other) {
      return { deleted: checkRun(other) === run ? await removeAll(store, run) : 0 };
    },
    async find(query) {
      const { prefix = "", ...asked } = checkFind(query);
      return (await store.find({ ...asked, prefix: start + prefix })).map(shown);
    },
  };
}

/** By their path and not by the run that they carry: what came by a presigned URL carries none, and the tenant's own may carry this one. */
async function removeAll(store: ArtifactStore, run: string): Promise<number> {
  let removed = 0;
  for (;;) {
    const batch: string[] = [];
    for await (const { path } of store.list({ prefix: prefixOf(run) })) if (batch.push(path) === BATCH) break;
    if (batch.length === 0) return removed;
    const done = await parallel(batch, AT_ONCE, (path) => store.delete(path));
    removed += done.filter(Boolean).length;
  }
}
