import { messageOf, StoreError } from "../errors.ts";
import type { ChromaPlace } from "./chroma-url.ts";
import { codeOf, isDisconnected } from "./network.ts";

/** What the server refuses, in its own words. */
export class ChromaRefusal extends Error {
  override readonly name = "ChromaRefusal";
  readonly status: number;

  constructor(status: number, said: string) {
    super(said);
    this.status = status;
  }
}

const refusalOf = (error: unknown): ChromaRefusal | undefined => {
  const cause = error instanceof StoreError ? error.cause : error;
  return cause instanceof ChromaRefusal ? cause : undefined;
};

/** A collection or database that is not there, or not any more. */
export function isAbsent(error: unknown): boolean {
  const refusal = refusalOf(error);
  return (
    refusal?.status === 404 || (refusal?.status === 400 && /^Database \[.*\] does not exist/.test(refusal.message))
  );
}

/** Something of this name is there already: another process was quicker. */
export function isThere(error: unknown): boolean {
  const refusal = refusalOf(error);
  return refusal?.status === 409 || /UNIQUE constraint failed/.test(refusal?.message ?? "");
}

/** A record went while the server looked for it: it finds ids in one place and their vectors in another. */
export const isMoving = (error: unknown): boolean =>
  /Error (finding id|getting embedding)/.test(refusalOf(error)?.message ?? "");

/** The server's own database was in use by another request. */
export const isLocked = (error: unknown): boolean => /database is locked/i.test(refusalOf(error)?.message ?? "");

/** The server has what was written in its log, and could not take it over from there: maybe since its database was in use, and the next write takes it over. */
export const isUnapplied = (error: unknown): boolean =>
  /apply logs|in compaction/i.test(refusalOf(error)?.message ?? "");

/** An error of a request as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(error: unknown, { server, area }: ChromaPlace): StoreError {
  if (error instanceof StoreError) return error;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "chroma", what, mend, error);
  const name = (error as { name?: unknown } | null)?.name;
  if (name === "TimeoutError" || name === "AbortError")
    return make(
      "timeout",
      `The server at ${server} did not answer in time.`,
      "See whether it is overloaded: npm run status",
    );
  // Undici reports what the network says as the cause of its own error.
  const network = (error as { cause?: unknown } | null)?.cause ?? error;
  if (isDisconnected(network) || /^UND_ERR_(SOCKET|CONNECT_TIMEOUT)/.test(codeOf(network)))
    return make("unavailable", `No connection to ${server} (${codeOf(network)}).`, "Start it: npm run up");
  const said = messageOf(error).replace(/\.$/, "").slice(0, 500);
  if (/no space left|disk is full|out of (disk|memory)/i.test(said))
    return make("full", `The server has no room (${said}).`, "Delete something, or give it more disk.");
  if (isLocked(error))
    return make("unavailable", `The server at ${server} is busy (${said}).`, "Repeat the call a little later.");
  if (isUnapplied(error))
    return make(
      "failed",
      `The server cannot put what was written into a collection (${said}).`,
      "Read its log: npm run logs chroma. A collection that stays so is lost: delete the tenant, and restore a snapshot.",
    );
  switch (refusalOf(error)?.status) {
    case 401:
    case 403:
      return make("denied", `What is before ${server} refuses the token.`, "Put another one into the store's URL.");
    case 404:
      return make("unprepared", `The server has no tenant ${area} (${said}).`, "Prepare it: npm run migrate");
    case 413:
      return make(
        "invalid",
        `The server takes no message of this size (${said}).`,
        "Give smaller texts, or raise the server's max_payload_size_bytes.",
      );
    case 429:
    case 502:
    case 503:
    case 504:
      return make("unavailable", `The server at ${server} is busy (${said}).`, "Repeat the call a little later.");
  }
  return make("failed", `${said}.`, "The cause has the server's details.");
}
