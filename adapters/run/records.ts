import { checkTenant, isPlain, show } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import type { KeptRun, Micros } from "./backend.ts";
import { checkError, checkName, checkNumber, checkStatus, checkValue, refuse } from "./validate.ts";

const MOMENT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(\d{3})Z$/;

/** `2026-01-31T12:00:00.000000Z` */
export function momentOf(micros: Micros): string {
  const ms = Math.floor(micros / 1_000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1_000).padStart(3, "0")}Z`;
}

function microsOf(moment: unknown, what: string): Micros {
  const [, ms, rest] = (typeof moment === "string" && MOMENT.exec(moment)) || [];
  const micros = Date.parse(`${ms}Z`) * 1_000 + Number(rest);
  if (micros >= 0 && Number.isSafeInteger(micros)) return micros;
  return refuse(`${what} is ${show(moment)}.`, "Write 2026-01-31T12:00:00.000000Z, from 1970 to 2254.");
}

/** A run as a snapshot has it. Its lease goes along: who holds it may go on at the new place. */
export function recordOf(kept: KeptRun): SnapshotRecord {
  const { tenant, kind: runKind, notBefore, createdAt, updatedAt, finishedAt, leaseUntil, ...rest } = kept;
  return {
    kind: "run",
    tenant,
    ...rest,
    runKind,
    notBefore: momentOf(notBefore),
    leaseUntil: leaseUntil === null ? null : momentOf(leaseUntil),
    createdAt: momentOf(createdAt),
    updatedAt: momentOf(updatedAt),
    finishedAt: finishedAt === null ? null : momentOf(finishedAt),
  };
}

const FIELDS = Object.keys(
  recordOf({
    ...{
      tenant: "",
      id: "",
      kind: "",
      status: "queued",
      state: null,
      result: null,
      error: null,
      version: 1,
      attempt: 0,
    },
    ...{ maxAttempts: 1, priority: 0, notBefore: 0, parent: null, worker: null, token: 0, leaseUntil: null },
    ...{ createdAt: 0, updatedAt: 0, finishedAt: null },
  }),
);

/** Throws `StoreError` code `invalid` for a record that is no run's, or one that could not have come about. */
export function keptOfRecord(record: SnapshotRecord): KeptRun {
  if (!isPlain(record) || record.kind !== "run")
    refuse("A record is not of kind run.", "Give those of an export of runs.");
  const about = `The record of run "${show(record.id)}"`;
  const wrong =
    FIELDS.find((name) => !Object.hasOwn(record, name)) ?? Object.keys(record).find((name) => !FIELDS.includes(name));
  if (wrong !== undefined)
    refuse(`${about} lacks the field "${show(wrong)}", or has it too much.`, `It has ${FIELDS.join(", ")}.`);
  const number = (name: string, least = 0, most = Number.MAX_SAFE_INTEGER) =>
    checkNumber(record[name], `${about}: ${name}`, least, most);
  const moment = (name: string) => microsOf(record[name], `${about}: ${name}`);
  const name = (of: string) => checkName(record[of], `${about}: ${of}`);
  const maybe = <T>(of: string, read: (of: string) => T) => (record[of] === null ? null : read(of));
  const json = (of: string) => JSON.parse(checkValue(record[of], `${about}: ${of}`));
  const kept: KeptRun = {
    tenant: checkTenant(record.tenant),
    id: name("id"),
    kind: name("runKind"),
    status: checkStatus(record.status),
    state: json("state"),
    result: json("result"),
    error: maybe("error", () => checkError(record.error)),
    version: number("version", 1),
    attempt: number("attempt", 0, 2_147_483_647),
    maxAttempts: number("maxAttempts", 1, 1_000),
    priority: number("priority", -1_000_000, 1_000_000),
    notBefore: moment("notBefore"),
    parent: maybe("parent", name),
    worker: maybe("worker", name),
    token: number("token"),
    leaseUntil: maybe("leaseUntil", moment),
    createdAt: moment("createdAt"),
    updatedAt: moment("updatedAt"),
    finishedAt: maybe("finishedAt", moment),
  };
  const finished = !["queued", "running"].includes(kept.status);
  const held = kept.worker !== null;
  if (
    finished !== (kept.finishedAt !== null) ||
    held !== (kept.leaseUntil !== null) ||
    (held && kept.status !== "running")
  )
    refuse(
      `${about} is ${kept.status}, which its finishedAt, worker and leaseUntil contradict.`,
      "Give it as it was exported.",
    );
  return kept;
}
