/** What went wrong, in a word a program can switch on. */
export type StoreErrorCode =
  | "invalid" // the caller's input; nothing was sent
  | "unavailable" // the server is gone, starting or refuses connections; retrying may help
  | "timeout" // no answer within the configured time
  | "denied" // credentials or rights
  | "unprepared" // the server answers, but lacks schema, roles or extension
  | "conflict" // another process holds it, or another version won
  | "full" // the store has no room; nothing was written
  | "unsupported" // a capability that this store declares false
  | "missing-client" // an optional package is not installed
  | "failed"; // anything else; see cause

/**
 * The one error that adapters throw. `message` says what broke and `mend` what to do or type next;
 * `cause` keeps the client's own error.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** The protocol or role that failed, e.g. `postgres` or `vector`. */
  readonly store: string;
  readonly mend: string;

  constructor(code: StoreErrorCode, store: string, what: string, mend: string, cause?: unknown) {
    super(`${store}: ${what} ${mend}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.store = store;
    this.mend = mend;
  }
}

/**
 * The text with every secret of every URL in it replaced by `***`: the password of `scheme://user:password@host`, and query
 * parameters that are named like secrets, or sign a URL. Clients put connection strings into their messages; ours never show one.
 */
export function hideSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/?#]*):[^\s]*@/gi, "$1:***@")
    .replace(/([?&](?:[^=&\s]*(?:password|secret|token|key|signature|credential)[^=&\s]*|sig)=)[^&\s]+/gi, "$1***");
}

/** The message of anything that was thrown, without secrets. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return hideSecrets(text);
}
