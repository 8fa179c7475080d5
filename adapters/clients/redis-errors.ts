import { messageOf, StoreError } from "../errors.ts";
import { codeOf, isDisconnected } from "./network.ts";

/** The connection had ended before the command was sent. */
export const isUnsent = (error: unknown): boolean => /^Stream isn't writeable/.test(messageOf(error));

/** Nothing was heard for as long as the URL allows. */
export const isSilent = (error: unknown): boolean =>
  codeOf(error) === "ETIMEDOUT" || /^Socket timeout\b/.test(messageOf(error));

/** The connection is gone or was never made. */
export const isLost = (error: unknown): boolean =>
  (isDisconnected(error) && !isSilent(error)) || isUnsent(error) || /^Connection is closed/.test(messageOf(error));

/** The server is up and reads its data. */
export const isLoading = (error: unknown): boolean => /^LOADING\b/.test(messageOf(error));

/** What the client wrote with the error: the arguments of a login are credentials, those of a write anything. */
function withoutArguments(error: unknown): unknown {
  if (typeof error === "object" && error !== null && "command" in error)
    error.command = { name: (error.command as { name?: string })?.name };
  return error;
}

/** What the client says of bytes that no server of this protocol sends. */
const isForeign = (error: unknown): boolean => /^(Unknown RESP type|Protocol error)/.test(messageOf(error));

/** A client's error as ours: what broke, what to type next, and the original as its cause. `reading` when the call had nothing else to do. */
export function toStoreError(
  error: unknown,
  at: { host?: string; port?: number; username?: string },
  reading = false,
): StoreError {
  if (error instanceof StoreError) return error;
  const said = messageOf(error).replace(/\.$/, "");
  const where = `${at.host}:${at.port}`;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "redis", what, mend, withoutArguments(error));

  if (isSilent(error))
    return make(
      "timeout",
      `The server at ${where} did not answer in time.`,
      "See whether it is frozen or overloaded: npm run status",
    );
  if (isForeign(error))
    return make("failed", `What answers at ${where} is no Redis (${said}).`, "Look at host and port of the URL.");
  if (isLoading(error))
    return make("unavailable", `The server at ${where} still reads its data.`, "Wait a little, then: npm run status");
  if (/^Connection is closed/.test(said) && reading)
    return make(
      "unavailable",
      `The connection to ${where} ended before the whole answer.`,
      "Repeat the call, or ask for fewer or smaller values at once: a server cuts off who is sent too much. See it: npm run status",
    );
  if (/^Connection is closed/.test(said))
    return make(
      "unavailable",
      `The connection to ${where} ended before the answer; whether the call took effect is unknown.`,
      "Repeat it where that does no harm. See the server: npm run status",
    );
  if (isLost(error))
    return make("unavailable", `No connection to ${where} (${codeOf(error) || said}).`, "Start it: npm run up");
  return make(...serverProblem(said, at.username ?? "default"));
}

/** What a server answers, by its first word; scripts put more words in front. */
function serverProblem(said: string, account: string): [StoreError["code"], string, string] {
  const [word] = /\b(WRONGPASS|NOAUTH|NOPERM|OOM|MISCONF|READONLY|MASTERDOWN|BUSY|WRONGTYPE)\b/.exec(said) ?? [];
  switch (word) {
    case "WRONGPASS":
    case "NOAUTH":
      return [
        "denied",
        `The server refuses account "${account}" (${said}).`,
        "Write fresh credentials to .env: npm run up",
      ];
    case "NOPERM":
      return ["denied", `Account "${account}" lacks a right (${said}).`, "Fleet work needs the URL of .env.admin."];
    case "OOM":
      return [
        "full",
        "The server is at its memory limit and refuses writes.",
        "Delete something, or give it more: npm run up -- --set budgets.redis.memory=1GiB (or the product in its place; where the kit did not start it, maxmemory).",
      ];
    case "MISCONF":
      return [
        /no space/i.test(said) ? "full" : "unavailable",
        `The server cannot write to its disk and refuses writes (${said}).`,
        "Free or add space, then repeat the call.",
      ];
    case "READONLY":
    case "MASTERDOWN":
      return ["unavailable", "The server takes no writes now.", "Connect to the primary, or end the freeze."];
    case "BUSY":
      return ["unavailable", "The server is busy with a script.", "Repeat the call; see SLOWLOG if it stays so."];
    case "WRONGTYPE":
      return [
        "failed",
        "A key of this store holds something else.",
        "Another program writes to keys that begin with t:.",
      ];
    default:
      return ["failed", `${said}.`, "The cause has the server's details."];
  }
}
