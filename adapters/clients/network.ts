/** Codes of Node's sockets and name look-up that say: there is no connection. A connection that gave up waiting, `ETIMEDOUT`, is one of them. */
const CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** The code of an error, of the first where a host has several addresses; empty when it has none. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

/** Whether the network says that the connection is gone or was never made. */
export const isDisconnected = (error: unknown): boolean => CODES.has(codeOf(error));
