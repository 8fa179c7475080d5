import { checkTenant, isPlain, show } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import type { GroupState, KeptEvent, StreamState } from "./backend.ts";
import { checkData, checkName, checkNames, checkNumber, refuse } from "./validate.ts";

/** A moment as snapshots say it, from microseconds since 1970. */
export const momentOf = (microseconds: number): string =>
  `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${String(microseconds % 1000).padStart(3, "0")}Z`;

function microsecondsOf(moment: unknown, what: string): number {
  const [, second, fraction] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z$/.exec(String(moment)) ?? [];
  const seconds = Date.parse(`${second}Z`);
  if (typeof moment !== "string" || !Number.isFinite(seconds) || seconds < 0 || seconds > 8_000_000_000_000)
    return refuse(`${what} is ${show(moment)}.`, "Write moments like 2026-01-31T12:00:00.000000Z.");
  return seconds * 1000 + Number(fraction);
}

export const streamRecord = (tenant: string, { stream, head, at }: StreamState): SnapshotRecord => ({
  kind: "stream",
  tenant,
  stream,
  version: head,
  at: momentOf(at),
});

export const eventRecord = (
  tenant: string,
  stream: string,
  { version, type, data, id, at }: KeptEvent,
): SnapshotRecord => ({
  kind: "event",
  tenant,
  stream,
  version,
  type,
  data,
  ...(id !== null && { id }),
  at: momentOf(at),
});

export const groupRecord = (tenant: string, stream: string, state: GroupState): SnapshotRecord => ({
  kind: "group",
  tenant,
  stream,
  group: state.group,
  version: state.handed,
  missed: state.missed,
  pending: state.pending.map(({ version, count, missed }) => ({ version, count, missed })),
});

type CheckedRecord = { tenant: string; stream: string } & (
  | { kind: "stream"; state: StreamState }
  | { kind: "event"; event: KeptEvent; bytes: number }
  | { kind: "group"; state: GroupState }
);

/** A record of this role, or `StoreError` code `invalid`. */
export function checkRecord(record: SnapshotRecord): CheckedRecord {
  if (!isPlain(record)) return refuse("A record is no object.", "Give records as they were exported.");
  const tenant = checkTenant(record.tenant);
  const stream = checkName(record.stream, "A record's stream");
  const version = (least: number) => checkNumber(record.version, "A record's version", least);
  const known = (...names: string[]) =>
    checkNames(record, `A record of kind ${record.kind}`, ["kind", "tenant", "stream", "version", ...names]);
  switch (record.kind) {
    case "stream": {
      known("at");
      return {
        kind: "stream",
        tenant,
        stream,
        state: { stream, head: version(1), at: microsecondsOf(record.at, "at") },
      };
    }
    case "event": {
      known("type", "data", "id", "at");
      const bytes = checkData(record.data, "A record's data").length;
      const event = {
        version: version(1),
        type: checkName(record.type, "A record's type"),
        data: record.data ?? null,
        id: record.id === undefined ? null : checkName(record.id, "A record's id"),
        at: microsecondsOf(record.at, "at"),
      };
      return { kind: "event", tenant, stream, event, bytes };
    }
    case "group": {
      known("group", "missed", "pending");
      const missed = checkNumber(record.missed, "missed", 0);
      const state = { group: checkName(record.group, "A record's group"), handed: version(0), missed };
      return { kind: "group", tenant, stream, state: { ...state, pending: checkPending(record.pending) } };
    }
    default:
      return refuse(`A record is of kind "${show(record.kind)}".`, "This role has stream, event and group.");
  }
}

function checkPending(pending: unknown): GroupState["pending"] {
  if (!Array.isArray(pending)) return refuse("A record's pending is no list.", "Give records as they were exported.");
  const seen = new Set<number>();
  return pending.map((one) => {
    const given = checkNames(one as GroupState["pending"][number], "A pending event", ["version", "count", "missed"]);
    const version = checkNumber(given.version, "A pending version", 1);
    if (seen.has(version)) refuse(`Version ${version} is pending twice.`, "Give records as they were exported.");
    seen.add(version);
    const count = checkNumber(given.count, "A pending count", 0, 2_147_483_647);
    return { version, count, missed: checkNumber(given.missed, "missed", 0) };
  });
}
