import { messageOf, StoreError } from "../errors.ts";
import { codeOf, isDisconnected } from "./network.ts";
import type { QdrantPlace } from "./qdrant-url.ts";

/** The status of a server's answer; 0 where there was none. */
const statusOf = (error: unknown): number => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" ? status : 0;
};

/** The server's own words. */
function saidBy(error: unknown): string {
  const data = (error as { data?: { status?: { error?: unknown } } } | null)?.data;
  const said = data?.status?.error;
  return (typeof said === "string" ? said : messageOf(networkError(error))).replace(/\.$/, "").slice(0, 500);
}

/** A vector's name that the collection does not have: another process freed the space meanwhile. */
export const isUnknownVector = (error: unknown): boolean => /not existing vector name/i.test(saidBy(error));

/** A vector's name that the collection has: another process was quicker. */
export const isKnownVector = (error: unknown): boolean => /already exists/i.test(saidBy(error));

/** Undici reports what the network says as the cause of its own error. */
const networkError = (error: unknown): unknown => (error as { cause?: unknown } | null)?.cause ?? error;

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(error: unknown, { server, collection }: QdrantPlace): StoreError {
  if (error instanceof StoreError) return error;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "qdrant", what, mend, error);
  const name = (error as { name?: unknown } | null)?.name;
  if (name === "QdrantClientTimeoutError" || name === "AbortError")
    return make(
      "timeout",
      `The server at ${server} did not answer in time.`,
      "See whether it is overloaded: npm run status",
    );
  const network = networkError(error);
  if (isDisconnected(network) || /^UND_ERR_(SOCKET|CONNECT_TIMEOUT)/.test(codeOf(network)))
    return make("unavailable", `No connection to ${server} (${codeOf(network)}).`, "Start it: npm run up");
  const said = saidBy(error);
  switch (statusOf(error)) {
    case 401:
    case 403:
      return make("denied", `The server at ${server} refuses the API key.`, "Write a fresh one to .env: npm run up");
    case 404:
      return make("unprepared", `The server has no collection ${collection} (${said}).`, "Prepare it: npm run migrate");
    case 413:
      return make(
        "invalid",
        `The server takes no message of this size (${said}).`,
        "Give smaller texts, or raise the server's service.max_request_size_mb.",
      );
    case 429:
    case 502:
    case 503:
    case 504:
      return make("unavailable", `The server at ${server} is busy (${said}).`, "Repeat the call a little later.");
    case 507:
      return make("full", `The server has no room (${said}).`, "Delete something, or give it more disk.");
  }
  if (/no space left|out of (disk|memory)/i.test(said))
    return make("full", `The server has no room (${said}).`, "Delete something, or give it more disk.");
  return make("failed", `${said}.`, "The cause has the server's details.");
}
