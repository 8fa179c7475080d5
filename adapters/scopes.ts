import artifactRuns from "./artifact/for-run.ts";
import { StoreError } from "./errors.ts";
import eventRuns from "./event/for-run.ts";
import { allOrError, tryEach } from "./every-role.ts";
import { checkRunId } from "./input.ts";
import memoryRuns from "./memory/for-run.ts";
import type { RoleAdapter } from "./role.ts";
import runRuns from "./run/for-run.ts";
import type { RoleRuns, RunPart } from "./runs.ts";
import searchRuns from "./search/for-run.ts";
import sessionRuns from "./session/for-run.ts";
import { type About, traced } from "./trace/spans.ts";
import vectorRuns from "./vector/for-run.ts";

/** Roles that can be opened, by name. */
export interface OpenRoles<Name extends string> {
  readonly names: readonly Name[];
  open(role: Name): RoleAdapter<unknown>;
  /** What a trace says of it. */
  about(role: Name): About;
  /** Those that have a URL. */
  configured(): Name[];
}

type AnyRuns = RoleRuns<RoleAdapter<unknown>, unknown>;

/** How each role keeps runs apart: its for-run.ts. A role that is not here serves the tenant at large alone. */
const RUNS: { readonly [role: string]: AnyRuns | undefined } = {
  vector: vectorRuns as AnyRuns,
  memory: memoryRuns as AnyRuns,
  session: sessionRuns as AnyRuns,
  artifact: artifactRuns as AnyRuns,
  run: runRuns as AnyRuns,
  event: eventRuns as AnyRuns,
  search: searchRuns as AnyRuns,
};

/** Adds a getter for each role, so that a role is opened when it is first asked for. What each is a store of, its caller's type says. */
export function withRoles<Name extends string, Base extends object>(
  { names }: Pick<OpenRoles<Name>, "names">,
  base: Base,
  open: (role: Name) => unknown,
): Base & Record<Name, never> {
  for (const role of names) Object.defineProperty(base, role, { enumerable: true, get: () => open(role) });
  return base as Base & Record<Name, never>;
}

/** What `TenantStores` says. `tenant` was checked. */
export function tenantStores<Name extends string>(roles: OpenRoles<Name>, tenant: string) {
  const opened: Partial<Record<Name, unknown>> = {};
  const store = (role: Name): unknown => {
    const adapter = roles.open(role);
    const made = () => (RUNS[role]?.atLarge(adapter, tenant) ?? adapter.tenant(tenant)) as object;
    opened[role] ??= traced(made(), { ...roles.about(role), tenant });
    return opened[role];
  };
  return withRoles(
    roles,
    {
      tenant,
      forRun: (run: string) => runStores(roles, tenant, checkRunId("run", run)),
      async deleteDocument(document: string) {
        type Keeper = { deleteByDocument(document: string): Promise<{ deleted: number }> };
        const keepers = roles.configured().filter((role) => "deleteByDocument" in (store(role) as object));
        const done = await tryEach(keepers, (role) => (store(role) as Keeper).deleteByDocument(document));
        const repeat = `await stores.tenant("${tenant}").deleteDocument(${JSON.stringify(document)})`;
        return allOrError(done, `The deletion of document ${JSON.stringify(document)}`, repeat);
      },
    },
    store,
  );
}

/** What `RunStores` says. */
function runStores<Name extends string>(roles: OpenRoles<Name>, tenant: string, run: string) {
  const opened: Partial<Record<Name, RunPart<unknown>>> = {};
  const part = (role: Name): RunPart<unknown> => {
    const { ofRun } = RUNS[role] ?? {};
    if (!ofRun)
      throw new StoreError("unsupported", role, "The role keeps no runs apart.", "Use the tenant's own store.");
    const { store, cleanUp } = opened[role] ?? ofRun(roles.open(role), tenant, run);
    opened[role] ??= { store: traced(store as object, { ...roles.about(role), tenant }), cleanUp };
    return opened[role];
  };
  const cleanUp = async () => {
    const apart = roles.configured().filter((role) => RUNS[role]);
    const done = await tryEach(apart, (role) => part(role).cleanUp());
    return allOrError(
      done,
      `The clean-up of run "${run}"`,
      `await stores.tenant("${tenant}").forRun("${run}").cleanUp()`,
    );
  };
  const acts = { tenant, runId: run, cleanUp, [Symbol.asyncDispose]: async () => void (await cleanUp()) };
  return withRoles(roles, acts, (role) => part(role).store);
}
