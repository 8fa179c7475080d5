import { refuse } from "../input.ts";

/** A store's URL, taken apart. */
export interface StoreUrl {
  at: URL;
  query: URLSearchParams;
  /** A part of it without its percent signs; throws as the whole does where they are wrong. */
  decoded(part: string): string;
}

/**
 * Takes a URL apart. Throws `StoreError` code `invalid` for one of another scheme or without a host; `mend` shows what one looks like. Neither the message nor a cause repeats the URL, which the
 * parser's own would: it has a password.
 *
 * @param known the parameters that it may have; others are refused, since a misspelt one would go unnoticed
 */
export function readUrl(store: string, url: string, scheme: RegExp, mend: string, known?: readonly string[]): StoreUrl {
  const unreadable = (): never => refuse(store, "The URL of the store cannot be read.", mend);
  const at = URL.parse(url);
  if (!at?.hostname || !scheme.test(at.protocol)) return unreadable();
  const query = at.searchParams;
  if (known && [...query.keys()].some((name) => !known.includes(name)))
    refuse(store, "The URL has a parameter that is not known.", `Known are ${known.join(", ")}.`);
  return {
    at,
    query,
    decoded(part) {
      try {
        return decodeURIComponent(part);
      } catch {
        return unreadable();
      }
    },
  };
}

/** What `?tls=` says. Throws `StoreError` code `invalid`; `mend` says what leaving it out means. */
export function tlsIn(
  store: string,
  query: URLSearchParams,
  byDefault = true,
  mend = "Leave it out for true; a server on this machine has none.",
): boolean {
  const tls = query.get("tls") ?? String(byDefault);
  if (tls !== "true" && tls !== "false") refuse(store, "?tls= is neither true nor false.", mend);
  return tls === "true";
}

/** What `?timeout=` says, in milliseconds. @default 30000. Throws `StoreError` code `invalid`. */
export function timeoutIn(store: string, query: URLSearchParams): number {
  const timeout = query.get("timeout") ?? "30000";
  if (!/^\d{3,7}$/.test(timeout) || Number(timeout) < 100)
    refuse(store, "?timeout= is no number of milliseconds.", "Write e.g. ?timeout=30000");
  return Number(timeout);
}
