import type { IncomingMessage } from "node:http";
import { messageOf, StoreError, type StoreErrorCode } from "../errors.ts";
import { NoAnswer, textOf } from "./http-transport.ts";
import { codeOf, isDisconnected } from "./network.ts";
import type { S3Place } from "./s3-url.ts";

/** Statuses that the client repeats by itself with what is left of the body, and then reports without the server's words. */
const REPEATED = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

/** An answer that the client would repeat by itself, and then report without the server's words. */
class S3Refusal extends Error {
  override readonly name = "S3Refusal";
  readonly code: string;

  constructor(status: number, body: string) {
    const [, code = `HTTP ${status}`] = /<Code>([^<]*)<\/Code>/.exec(body) ?? [];
    const [, message = `the server answered ${status}`] = /<Message>([^<]*)<\/Message>/.exec(body) ?? [];
    super(message);
    this.code = code;
  }
}

/** Keeps an answer from the client that it would repeat. */
export function refusalOf(response: IncomingMessage): Promise<Error> | undefined {
  const status = response.statusCode ?? 0;
  if (!REPEATED.has(status)) return undefined;
  return textOf(response).then(
    (body) => new S3Refusal(status, body),
    (error: Error) => error,
  );
}

/** There is no such object. */
export const isMissing = (error: unknown): boolean => ["NoSuchKey", "NotFound"].includes(codeOf(error));

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toS3Error(error: unknown, at: S3Place): StoreError {
  if (error instanceof StoreError) return error;
  const where = `${at.host}:${at.port}`;
  const code = codeOf(error);
  const make = (kind: StoreErrorCode, what: string, mend: string) => new StoreError(kind, "s3", what, mend, error);
  if (error instanceof NoAnswer)
    return make("timeout", `${where} did not answer in ${at.timeout / 1000} s.`, "See whether it runs: npm run status");
  if (isDisconnected(error)) return make("unavailable", `No connection to ${where} (${code}).`, "Start it: npm run up");
  return make(...problem(code, messageOf(error), where, at));
}

function problem(code: string, said: string, where: string, at: S3Place): [StoreErrorCode, string, string] {
  switch (code) {
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "AccessDenied":
    case "InvalidTokenId":
    case "ExpiredToken":
    case "AccountProblem":
    case "XMinioAdminNoSuchUser":
      return [
        "denied",
        `${where} refuses ${at.accessKey ? `account "${at.accessKey}"` : "what AWS' default chain found"} (${code}).`,
        "Write fresh credentials and give it its rights again: npm run up",
      ];
    case "NoSuchBucket":
      return ["unprepared", `There is no bucket "${at.bucket}" at ${where}.`, "Prepare it: npm run up"];
    case "XMinioStorageFull":
    case "XMinioAdminBucketQuotaExceeded":
    case "InsufficientStorage":
    case "QuotaExceeded":
    case "ENOSPC":
    case "HTTP 507":
      return ["full", `${where} has no room left (${code}).`, "Free or add space, then repeat the call."];
    case "SlowDown":
    case "SlowDownRead":
    case "SlowDownWrite":
    case "ServiceUnavailable":
    case "InternalError":
    case "XMinioServerNotInitialized":
    case "XMinioIAMNotInitialized":
    case "XMinioBackendDown":
    case "RequestTimeout":
    case "OperationTimedOut":
      return ["unavailable", `${where} cannot serve now (${code}: ${said}).`, "Wait a little, then: npm run status"];
    case "XMinioParentIsObject":
    case "XMinioObjectExistsAsDirectory":
    case "ExistingObjectIsDirectory":
    case "ExistingObjectIsFile":
      return ["conflict", `An object cannot be a folder too (${code}).`, "Name one of them differently."];
    case "RequestTimeTooSkewed":
      return ["failed", `The clocks here and at ${where} differ too much.`, "Set this machine's clock."];
    default:
      if (code.startsWith("HTTP 5")) return ["unavailable", `${where} cannot serve now (${code}).`, "npm run status"];
      return [
        "failed",
        `${said.replace(/\.$/, "")}${code ? ` [${code}]` : ""}.`,
        "The cause has the server's details.",
      ];
  }
}
