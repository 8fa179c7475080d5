import { messageOf, StoreError } from "../errors.ts";
import { codeOf, isDisconnected } from "./network.ts";
import { sqlState } from "./sql.ts";

/** The connection is gone or was never made: nothing is known about what was sent last. */
export function isLost(error: unknown): boolean {
  if (isDisconnected(error) || /^(08|57P0[1-3])/.test(codeOf(error))) return true;
  return (
    error instanceof Error &&
    /^(Connection terminated|timeout expired|Client (has encountered|was closed))/.test(error.message)
  );
}

/** The server is up but not ready to take connections. */
export function isStarting(error: unknown): boolean {
  return codeOf(error) === "57P03";
}

/** What the session had prepared is no longer valid; a new connection has no such past. */
export function isStale(error: unknown): boolean {
  const code = codeOf(error);
  return code === "26000" || (code === "0A000" && /cached plan/.test(messageOf(error)));
}

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(
  error: unknown,
  at: { host?: string; port?: number; user?: string; database?: string },
): StoreError {
  if (error instanceof StoreError) return error;
  const state = sqlState(error) ?? codeOf(error);
  const said = messageOf(error);
  const where = `${at.host}:${at.port}`;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "postgres", what, mend, error);

  if (error instanceof Error && error.message === "timeout expired") {
    return make("timeout", `No connection to ${where} in time.`, "See whether the server runs: npm run status");
  }
  if (isStarting(error))
    return make(
      "unavailable",
      `The server at ${where} is not ready yet (${said}).`,
      "Wait a little, then: npm run status",
    );
  if (isLost(error))
    return make("unavailable", `No connection to ${where} (${codeOf(error) || said}).`, "Start it: npm run up");
  return make(...sqlProblem(state, said, at));
}

/** Classes of SQLSTATE that a user can do something about; the rest is `failed` with the server's own words. */
export function sqlProblem(
  state: string,
  said: string,
  at: { user?: string; database?: string },
): [StoreError["code"], string, string] {
  switch (state) {
    case "28P01":
    case "28000":
      return [
        "denied",
        `The server refuses account "${at.user}" (${said}).`,
        "Write fresh credentials to .env: npm run up",
      ];
    case "3D000":
      return ["unprepared", `Database "${at.database}" does not exist.`, "Prepare it: npm run up"];
    case "42501":
      return ["denied", `Account "${at.user}" lacks a right (${said}).`, "Prepare the database again: npm run up"];
    case "42P01":
    case "3F000":
    case "42883":
    case "42704":
      return ["unprepared", `The database lacks what this version needs (${said}).`, "Prepare it: npm run migrate"];
    case "57014":
      return [
        "timeout",
        "The server stopped the statement at its time limit.",
        "Raise it in the URL: ?statement_timeout=60000 (milliseconds)",
      ];
    case "53300":
      return [
        "unavailable",
        "The server has no connection left.",
        "Lower ?pool= in the URLs of its clients, or raise max_connections.",
      ];
    case "53100":
      return ["failed", "The server's disk is full.", "Free or add space, then repeat the call."];
    case "40001":
    case "40P01":
    case "55P03":
      return ["conflict", `Other writers were in the way (${said}).`, "Repeat the call."];
    case "25006":
      if (/ is frozen: /.test(said))
        return ["unavailable", `Writes are refused: ${said}.`, "Wait until it has moved, then read .env again."];
      return ["unavailable", "The server takes no writes now (read-only).", "Connect to the primary."];
    default:
      return ["failed", `${said}${state ? ` [${state}]` : ""}.`, "The cause has the server's details."];
  }
}
