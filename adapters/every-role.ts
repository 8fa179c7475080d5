import { messageOf, StoreError } from "./errors.ts";

/** What an act came to on one role. */
export type Outcome<T> = { role: string; result: T } | { role: string; error: unknown };

export const hasFailed = (one: Outcome<unknown>): one is { role: string; error: unknown } => "error" in one;

/** Does an act on every role, one after the other, whether the ones before failed or not. */
export async function tryEach<Name extends string, T>(
  roles: readonly Name[],
  act: (role: Name) => Promise<T>,
): Promise<Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  for (const role of roles) {
    try {
      outcomes.push({ role, result: await act(role) });
    } catch (error) {
      outcomes.push({ role, error });
    }
  }
  return outcomes;
}

/**
 * What an act came to, by role.
 * @param act in words, as in `The deletion of tenant "acme"`
 * @param repeat what to type when the roles that failed are back
 * @throws StoreError where any role failed: names each with its reason, and those that are done
 */
export function allOrError<T>(outcomes: readonly Outcome<T>[], act: string, repeat: string): Record<string, T> {
  const error = unfinished(outcomes, act, repeat);
  if (error) throw error;
  return Object.fromEntries(outcomes.flatMap((one) => (hasFailed(one) ? [] : [[one.role, one.result]])));
}

/** The error of an act that failed on some roles; undefined when it did on none. */
export function unfinished(outcomes: readonly Outcome<unknown>[], act: string, repeat: string): StoreError | undefined {
  const failed = outcomes.filter(hasFailed);
  const [first] = failed;
  if (!first) return undefined;
  const done = outcomes.filter((one) => !hasFailed(one)).map(({ role }) => role);
  const left = failed.map(({ role, error }) => `${role} (${messageOf(error)})`).join(", ");
  const code = first.error instanceof StoreError ? first.error.code : "failed";
  const errors = failed.map(({ error }) => error);
  return new StoreError(
    code,
    "fleet",
    `${act} is done in ${done.join(", ") || "no role"}, and left in ${left}.`,
    `When that is mended, repeat it: ${repeat}`,
    errors.length === 1 ? errors[0] : new AggregateError(errors),
  );
}
