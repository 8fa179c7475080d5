import { refuse } from "./input.ts";
import type { RoleAdapter } from "./role.ts";

/** Names of what a run's stores keep begin so, then comes the run's id and `/`. */
export const RUNS = "run/";

/** What the names of one run begin with. No run's is the beginning of another's. */
export const prefixOf = (run: string): string => `${RUNS}${run}/`;

/** The run that a name belongs to, if it does. */
export const runOf = (name: string): string | undefined =>
  name.startsWith(RUNS) ? name.slice(RUNS.length).split("/", 1)[0] : undefined;

/** A name as its run's stores show it. */
export const withoutRun = (name: string): string => name.replace(/^run\/[^/]+\//, "");

/** Part of a tenant's names: those from `from` on that are less than `to` in code-point order, or all but those. */
export interface Part {
  readonly from: string;
  readonly to: string;
  readonly inside: boolean;
}

/** What belongs to no run. The character after `/` is 0. */
export const OUTSIDE: Part = { from: RUNS, to: "run0", inside: false };
export const partOf = (run: string): Part => ({ from: prefixOf(run), to: `${RUNS}${run}0`, inside: true });

export const isIn = ({ from, inside }: Part, name: string): boolean => name.startsWith(from) === inside;

/** A part as a condition of SQL. What belongs to no run is written out, as it is in indexes; of a run's bounds `given` makes parameters. */
export const partSql = (column: string, { from, to, inside }: Part, given: (value: string) => string): string =>
  inside
    ? `${column} >= ${given(from)} and ${column} < ${given(to)}`
    : `(${column} < '${from}' or ${column} >= '${to}')`;

/** A role's part of one run. */
export interface RunPart<Store> {
  /** The role's contract, over what the run keeps and nothing else. Names are shown without their prefix, which counts for their length. */
  readonly store: Store;
  /** Removes all of it; safe to repeat. Counts what was removed, by kind. */
  cleanUp(): Promise<Record<string, number>>;
}

/** How a role keeps what runs write away from each other and from the tenant at large. */
export interface RoleRuns<Adapter, Store> {
  /** The tenant's own store, which neither sees what runs keep nor takes names like theirs. */
  atLarge(adapter: Adapter, tenant: string): Store;
  /** @param run a checked id */
  ofRun(adapter: Adapter, tenant: string, run: string): RunPart<Store>;
}

/** A name of the tenant at large, or `StoreError` code `invalid` for one that belongs to a run. What is no name at all is for the store to refuse. */
export function outsideRuns<T>(role: string, name: T, what: string): T {
  if (typeof name === "string" && name.startsWith(RUNS))
    refuse(role, `${what} begins with "${RUNS}", as what runs keep does.`, "Use the run's stores: tenant.forRun(id).");
  return name;
}

/** Names as a caller says them, and as they are kept. */
export interface Names {
  readonly part: Part;
  /** Throws `StoreError` code `invalid` for one that is another part's, or too long. */
  kept(name: string, what: string): string;
  shown(kept: string): string;
}

/** An adapter that makes its stores over what its protocol does, so that names can be changed between the two. */
export interface Layered<Backend, Store> {
  /** What the protocol does for one tenant. */
  backend(tenant: string): Backend;
  /** The contract over it. */
  over(backend: Backend): Store;
}

/** What a protocol does at the end of a run. */
export interface RunRemoving {
  /** Removes all that has the run's names; counts it by kind. */
  removeRun(run: string): Promise<Record<string, number>>;
}

/**
 * Runs kept apart by names alone: `renamed` narrows what a protocol does to a part of them.
 * @param check a name of the role, or `StoreError` code `invalid`
 */
export function runsByName<Backend extends RunRemoving, Store>(
  role: string,
  check: (name: unknown, what: string) => string,
  renamed: (backend: Backend, names: Names) => Backend,
): RoleRuns<RoleAdapter<Store> & Layered<Backend, Store>, Store> {
  return {
    atLarge(adapter, tenant) {
      const kept = (name: string, what: string) => outsideRuns(role, name, what);
      return adapter.over(renamed(adapter.backend(tenant), { part: OUTSIDE, kept, shown: (name) => name }));
    },
    ofRun(adapter, tenant, run) {
      const [backend, part] = [adapter.backend(tenant), partOf(run)];
      const kept = (name: string, what: string) => check(part.from + name, what);
      const store = adapter.over(renamed(backend, { part, kept, shown: (name) => name.slice(part.from.length) }));
      return { store, cleanUp: () => backend.removeRun(run) };
    },
  };
}
