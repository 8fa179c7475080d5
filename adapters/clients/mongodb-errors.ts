import { messageOf, StoreError } from "../errors.ts";
import type { MongoPlace } from "./mongodb-url.ts";
import { codeOf, isDisconnected } from "./network.ts";

const numberOf = (error: unknown): number => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "number" ? code : 0;
};
const nameOf = (error: unknown): string => String((error as { name?: unknown } | null)?.name ?? "");

/** A document with this _id is there: another was quicker. */
export const isDuplicate = (error: unknown): boolean => numberOf(error) === 11_000;

/** There is no such collection. */
export const isMissing = (error: unknown): boolean => numberOf(error) === 26;

/** Nothing was heard for as long as the URL allows; also of each server that was looked for. */
function isSilent(error: unknown): boolean {
  const servers = (error as { reason?: { servers?: unknown } } | null)?.reason?.servers;
  if (servers instanceof Map)
    return servers.size > 0 && [...servers.values()].every(({ error }) => !error || isSilent(error));
  return ["MongoNetworkTimeoutError", "MongoOperationTimeoutError"].includes(nameOf(error));
}

/** The client found no server for as long as it looks. */
export const isUnfound = (error: unknown): boolean => nameOf(error) === "MongoServerSelectionError";

/** The server has no such command, as FerretDB has none for roles. */
export const isUnknownCommand = (error: unknown): boolean => numberOf(error) === 59;
export const isUnimplemented = (error: unknown): boolean => numberOf(error) === 238;
export const isKnownAlready = (error: unknown): boolean => numberOf(error) === 51_002 || numberOf(error) === 51_003;

const DENIED = new Set([11, 13, 18, 31, 8_000]);
/** Not the primary, shutting down, interrupted by it. */
const BUSY = new Set([91, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436]);
const FULL = new Set([14_031, 146, 39]);

/** Of many writes: what ended them all, where no single one is to blame. */
function withoutBulk(error: unknown): unknown {
  const { errorResponse, writeErrors } = (error ?? {}) as { errorResponse?: unknown; writeErrors?: unknown };
  return errorResponse instanceof Error && !(Array.isArray(writeErrors) && writeErrors.length > 0)
    ? errorResponse
    : error;
}

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(given: unknown, { server, database }: MongoPlace): StoreError {
  if (given instanceof StoreError) return given;
  const error = withoutBulk(given);
  const host = server.replace(/^.*\/\//, "");
  const said = messageOf(error).replace(/\.$/, "").slice(0, 500);
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "mongodb", what, mend, error);
  const [name, number] = [nameOf(error), numberOf(error)];
  if (DENIED.has(number) || /authentication failed/i.test(said))
    return number === 13
      ? make("denied", `The account may not do this in ${database} (${said}).`, "Give it its rights: npm run up")
      : make("denied", `The server at ${host} refuses the account.`, "Write a fresh password to .env: npm run up");
  if (isSilent(error) || number === 50)
    return make(
      "timeout",
      `The server at ${host} did not answer in time.`,
      "See whether it is overloaded: npm run status",
    );
  if (
    /^Mongo(ServerSelection|Network|Topology|NotConnected|PoolCleared|WaitQueue|ServerClosed|Connection)/.test(name) ||
    isDisconnected(error)
  )
    return make("unavailable", `No connection to ${host} (${codeOf(error) || said}).`, "Start it: npm run up");
  if (BUSY.has(number))
    return make("unavailable", `The server at ${host} is not ready (${said}).`, "Repeat the call a little later.");
  if (FULL.has(number) || /no space left|disk is full/i.test(said))
    return make("full", `The server has no room (${said}).`, "Delete something, or give it more disk.");
  return make("failed", `${said}.`, "The cause has the server's details.");
}
