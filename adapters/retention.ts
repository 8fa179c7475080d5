import { allOrError, tryEach } from "./every-role.ts";
import { checkAge } from "./input.ts";
import type { Retaining, RoleFleet } from "./role.ts";
import type { OpenRoles } from "./scopes.ts";

/** The roles where something ends. */
function retaining<Name extends string>(roles: OpenRoles<Name>) {
  const of = (role: Name) => roles.open(role).fleet as RoleFleet & Retaining;
  return { of, names: roles.configured().filter((role) => "purge" in of(role)) };
}

/** What `Fleet.purge` says. */
export async function purge<Name extends string>(roles: OpenRoles<Name>, { olderThanMs }: { olderThanMs: number }) {
  checkAge("fleet", olderThanMs);
  const { of, names } = retaining(roles);
  const done = await tryEach(names, (role) => of(role).purge({ olderThanMs }));
  return allOrError(done, "The purge", `await openFleet().purge({ olderThanMs: ${olderThanMs} })`);
}

/** What `Fleet.ended` says. */
export async function ended<Name extends string>(roles: OpenRoles<Name>, { olderThanMs }: { olderThanMs: number }) {
  checkAge("fleet", olderThanMs);
  const { of, names } = retaining(roles);
  const done = await tryEach(names, async (role) => (await of(role).ended?.({ olderThanMs })) ?? null);
  return allOrError(done, "The look at what has ended", `await openFleet().ended({ olderThanMs: ${olderThanMs} })`);
}
