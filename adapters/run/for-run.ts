import { type Names, runsByName } from "../runs.ts";
import type { KeptRun, RunBackend } from "./backend.ts";
import type { RunStore } from "./contract.ts";
import { checkName } from "./validate.ts";

/** Ids of a run's jobs have its prefix, and so have their kinds, by which workers find them, and their parents. */
export default runsByName<RunBackend, RunStore>("run", checkName, renamed);

function renamed(backend: RunBackend, { part, kept, shown }: Names): RunBackend {
  const idOf = (id: string) => kept(id, "The id");
  const kindOf = (kind: string) => kept(kind, "The kind");
  const parentOf = (parent: string) => kept(parent, "The parent");
  const shownOf = <One extends KeptRun>(one: One): One => ({
    ...one,
    id: shown(one.id),
    kind: shown(one.kind),
    parent: one.parent === null ? null : shown(one.parent),
  });
  return {
    ...backend,
    async create(runs) {
      const all = runs.map(({ id, kind, parent, ...run }) => {
        return { ...run, id: idOf(id), kind: kindOf(kind), parent: parent === null ? null : parentOf(parent) };
      });
      return (await backend.create(all)).map(({ kept, created }) => ({ kept: shownOf(kept), created }));
    },
    async get(id) {
      const found = await backend.get(idOf(id));
      return found && shownOf(found);
    },
    delete: async (id) => backend.delete(idOf(id)),
    update: async (id, change, condition) => backend.update(idOf(id), change, condition),
    cancel: async (id) => backend.cancel(idOf(id)),
    async claim(claim) {
      return (await backend.claim({ ...claim, kinds: claim.kinds?.map(kindOf) ?? null, part })).map(shownOf);
    },
    extend: async (id, token, leaseMs) => backend.extend(idOf(id), token, leaseMs),
    end: async (id, token, ending) => backend.end(idOf(id), token, ending),
    async list({ kind, parent, after, ...list }) {
      const { kept, more } = await backend.list({
        ...list,
        part,
        kind: kind === undefined ? undefined : kindOf(kind),
        parent: parent === undefined ? undefined : parentOf(parent),
        after: after && { ...after, id: idOf(after.id) },
      });
      return { kept: kept.map(shownOf), more };
    },
    async counts() {
      return (await backend.counts(part)).map((one) => ({ ...one, kind: shown(one.kind) }));
    },
  };
}
