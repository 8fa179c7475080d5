import { messageOf, StoreError, type StoreErrorCode } from "../errors.ts";
import type { AzblobPlace } from "./azblob-url.ts";
import { NoAnswer } from "./http-transport.ts";
import { codeOf, isDisconnected } from "./network.ts";

/** What the server calls the error: in its body, or in a header where an answer has no body. */
export function saidBy(error: unknown): { status: number; code: string } {
  const {
    statusCode = 0,
    response,
    details,
  } = error as {
    statusCode?: number;
    response?: { headers?: { get(name: string): string | undefined } };
    details?: { errorCode?: string };
  };
  const code = response?.headers?.get("x-ms-error-code") ?? details?.errorCode ?? codeOf(error);
  return { status: statusCode, code };
}

/** There is no such blob, in a container that is there. */
export function isMissing(error: unknown): boolean {
  const { status, code } = saidBy(error);
  return status === 404 && code !== "ContainerNotFound";
}

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toAzblobError(error: unknown, at: AzblobPlace): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof Error && error.cause instanceof StoreError) return error.cause;
  const where = `${at.host}:${at.port}`;
  const make = (kind: StoreErrorCode, what: string, mend: string) => new StoreError(kind, "azblob", what, mend, error);
  if (error instanceof NoAnswer)
    return make("timeout", `${where} did not answer in ${at.timeout / 1000} s.`, "See whether it can be reached.");
  if (isDisconnected(error))
    return make("unavailable", `No connection to ${where} (${codeOf(error)}).`, "See whether it can be reached.");
  return make(...problem(saidBy(error), messageOf(error).split("\n")[0] ?? "", where, at));
}

function problem(
  { status, code }: { status: number; code: string },
  said: string,
  where: string,
  { account, bucket }: AzblobPlace,
): [StoreErrorCode, string, string] {
  if (code === "ContainerNotFound" || code === "ContainerBeingDeleted")
    return [
      "unprepared",
      `There is no container "${bucket}" at ${where}.`,
      "Make it, or set artifactAdminUrl: npm run up",
    ];
  if (status === 401 || status === 403)
    return [
      "denied",
      `${where} refuses account "${account}" (${code || status}).`,
      'It needs the role "Storage Blob Data Contributor" on the container, or its key, or a signature for rwdlc that has not expired.',
    ];
  if (code === "InvalidBlockList")
    return ["conflict", "Another writer of the same path came between the parts of this one.", "Repeat the call."];
  if (status === 507 || code === "InsufficientStorage" || code === "ENOSPC")
    return ["full", `${where} has no room left (${code || status}).`, "Free or add space, then repeat the call."];
  if (status >= 500 || status === 408 || status === 429)
    return ["unavailable", `${where} cannot serve now (${code || status}).`, "Wait a little, then: npm run status"];
  return ["failed", `${said.replace(/\.$/, "")}${code ? ` [${code}]` : ""}.`, "The cause has the server's details."];
}
