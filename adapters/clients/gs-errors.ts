import { messageOf, StoreError, type StoreErrorCode } from "../errors.ts";
import type { GsPlace } from "./gs-url.ts";
import { NoAnswer } from "./http-transport.ts";
import { codeOf, isDisconnected } from "./network.ts";

/** An answer that says no. */
export class GsRefusal extends Error {
  override readonly name = "GsRefusal";
  readonly status: number;

  constructor(status: number, body: string) {
    super(said(body) || `the server answered ${status}`);
    this.status = status;
  }
}

function said(body: string): string {
  try {
    return String(JSON.parse(body).error.message ?? "");
  } catch {
    return "";
  }
}

export const statusOf = (error: unknown): number => (error instanceof GsRefusal ? error.status : 0);

/** An error as ours: what broke, what to type next, and the original as its cause. */
export function toGsError(error: unknown, at: GsPlace): StoreError {
  if (error instanceof StoreError) return error;
  const where = at.endpoint.host;
  const make = (kind: StoreErrorCode, what: string, mend: string) => new StoreError(kind, "gs", what, mend, error);
  if (error instanceof NoAnswer)
    return make("timeout", `${where} did not answer in ${at.timeout / 1000} s.`, "See whether it can be reached.");
  if (isDisconnected(error))
    return make("unavailable", `No connection to ${where} (${codeOf(error)}).`, "See whether it can be reached.");
  return make(...problem(statusOf(error), messageOf(error).split("\n")[0] ?? "", where, at));
}

function problem(
  status: number,
  said: string,
  where: string,
  { bucket, email }: GsPlace,
): [StoreErrorCode, string, string] {
  if (status === 401 || status === 403)
    return [
      "denied",
      `${where} refuses ${email ? `account "${email}"` : "what Google's default credentials are"} (${said}).`,
      'It needs the role "Storage Object Admin" on the bucket.',
    ];
  if (status === 404)
    return [
      "unprepared",
      `There is no bucket "${bucket}" at ${where}.`,
      "Make it, or set artifactAdminUrl: npm run up",
    ];
  if (status === 507) return ["full", `${where} has no room left.`, "Free or add space, then repeat the call."];
  if (status === 410) return ["conflict", "The upload was given up by the server.", "Repeat the call."];
  if (status >= 500 || status === 408 || status === 429)
    return ["unavailable", `${where} cannot serve now (${said}).`, "Wait a little, then: npm run status"];
  return ["failed", `${said.replace(/\.$/, "")}.`, "The cause has the details."];
}
