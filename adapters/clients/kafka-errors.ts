import { messageOf, StoreError } from "../errors.ts";
import type { KafkaPlace } from "./kafka-url.ts";
import { codeOf, isDisconnected } from "./network.ts";

interface Fault {
  code?: unknown;
  apiId?: unknown;
  message?: unknown;
  cause?: unknown;
  errors?: unknown;
}

/** An error and all that it says are its causes. */
function* causesOf(error: unknown, depth = 0): Generator<Fault> {
  if (typeof error !== "object" || error === null || depth > 8) return;
  const fault = error as Fault;
  yield fault;
  if (Array.isArray(fault.errors)) for (const one of fault.errors) yield* causesOf(one, depth + 1);
  yield* causesOf(fault.cause, depth + 1);
}

/** The protocol's own names of what a broker answered, e.g. `UNKNOWN_TOPIC_OR_PARTITION`. */
const namesOf = (error: unknown): string[] =>
  [...causesOf(error)].map(({ apiId }) => apiId).filter((id): id is string => typeof id === "string");

const says = (...names: string[]) => {
  const known = new Set(names);
  return (error: unknown): boolean => namesOf(error).some((name) => known.has(name));
};

/** There is no such topic, or it is another one than it was. */
export const isGone = says("UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INCONSISTENT_TOPIC_ID");
/** The log does not have this place: it begins later, or ends earlier. */
export const isOutside = says("OFFSET_OUT_OF_RANGE");
/** A topic of this name is there already. */
export const isThere = says("TOPIC_ALREADY_EXISTS");
/** The cluster knows no rights at all. */
export const isWithoutRights = says("SECURITY_DISABLED");
/** The broker that was asked leads the topic no more. */
const isMoved = says("NOT_LEADER_OR_FOLLOWER", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH");
/** The topic is not what it was believed to be: the same call gives the same answer. */
export const isAnother = (error: unknown): boolean => isGone(error) || isOutside(error) || isMoved(error);

const isDenied = says(
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
);
const isBusy = says(
  "LEADER_NOT_AVAILABLE",
  "BROKER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
  "NOT_CONTROLLER",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "THROTTLING_QUOTA_EXCEEDED",
);
const isTooLarge = says("MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE");
const isFull = says("KAFKA_STORAGE_ERROR", "LOG_DIR_NOT_FOUND");

/** A client's error as ours: what broke, what to type next, and the original as its cause. */
export function toStoreError(error: unknown, { host, port }: KafkaPlace): StoreError {
  if (error instanceof StoreError) return error;
  const make = (code: StoreError["code"], what: string, mend: string) =>
    new StoreError(code, "kafka", what, mend, error);
  const server = `${host}:${port}`;
  const all = [...causesOf(error)];
  const said = namesOf(error).join(", ") || messageOf(error).replace(/\.$/, "").slice(0, 500);
  if (all.some(({ code }) => code === "PLT_KFK_AUTHENTICATION") || says("SASL_AUTHENTICATION_FAILED")(error))
    return make("denied", `The server at ${server} refuses the account.`, "Write a fresh password to .env: npm run up");
  if (isDenied(error))
    return make("denied", `The account may not do this (${said}).`, "Give it its rights: npm run up");
  if (isTooLarge(error))
    return make("invalid", `The server takes no record of this size (${said}).`, "Append in several calls.");
  if (isFull(error)) return make("full", `The server cannot write its log (${said}).`, "Give it more disk.");
  if (isAnother(error)) return make("unavailable", `The log changed meanwhile (${said}).`, "Repeat the call.");
  if (isBusy(error))
    return make("unavailable", `The server at ${server} is not ready (${said}).`, "Repeat the call a little later.");
  // Of a server that is stopped, the client says so in its message alone.
  if (says("REQUEST_TIMED_OUT")(error) || all.some(({ message }) => /request timed out/i.test(String(message))))
    return make(
      "timeout",
      `The server at ${server} did not answer in time.`,
      "See whether it is overloaded: npm run status",
    );
  const network = all.find((one) => isDisconnected(one));
  if (network || all.some(({ code }) => code === "PLT_KFK_NETWORK"))
    return make("unavailable", `No connection to ${server} (${codeOf(network) || said}).`, "Start it: npm run up");
  return make("failed", `${said}.`, "The cause has the server's details.");
}
