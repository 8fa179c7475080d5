import { randomBytes } from "node:crypto";
import type { LogRecord } from "../clients/kafka.ts";
import { StoreError } from "../errors.ts";
import type { GroupState, Incoming, KeptEvent, Place, StreamState, TakeOptions } from "./backend.ts";
import type { Entry, EventMachine, HandedEntry } from "./machine.ts";

/** An event of a log: which line of which record has its content. */
export interface LogEntry extends Entry {
  offset: number;
  line: number;
}
export type LogMachine = EventMachine<LogEntry>;

/** An event's content in the head of a record: `[type, id]`, or `[type, id, version, at]` where these are given; its data is a line of its own. */
type Named = [type: string, id: string | null, version?: number, at?: number];

/** What a record of a tenant's log says. What comes of it is decided by what stands before it in the log, so that everybody who reads the log decides the same. */
export type Command =
  | { do: "append"; stream: string; expected?: number; events: Named[] }
  | { do: "trim"; stream: string; upTo: number | null; before: number | null }
  | { do: "purge"; olderThanMs: number }
  | { do: "join"; stream: string; group: string; from: number | "now" }
  | { do: "take"; place: Place; options: TakeOptions }
  | { do: "acknowledge"; place: Place; versions: readonly number[] }
  | { do: "giveBack"; place: Place; versions: readonly number[]; delayMs: number; seen: boolean }
  | { do: "restoreStream"; state: StreamState }
  | { do: "restoreEvents"; stream: string; events: Named[] }
  | { do: "restoreGroup"; stream: string; state: GroupState }
  | { do: "removeRun"; run: string };

/** A command and the data of its events, as JSON. */
export interface Written {
  command: Command;
  lines?: readonly string[];
}

export const appending = (stream: string, events: readonly Incoming[], expected: number | undefined): Written => ({
  command: {
    do: "append",
    stream,
    ...(expected !== undefined && { expected }),
    events: events.map(({ type, id }) => [type, id]),
  },
  lines: events.map(({ json }) => json),
});

export const restoring = (stream: string, events: readonly KeptEvent[]): Written => ({
  command: { do: "restoreEvents", stream, events: events.map(({ type, id, version, at }) => [type, id, version, at]) },
  lines: events.map(({ data }) => JSON.stringify(data)),
});

/** Who wrote a record, by which it knows its own again. */
export interface Author {
  by: string;
  n: number;
}
export const newAuthor = (): string => randomBytes(9).toString("base64url");

/** The head of a record on its first line, then the data of its events on a line each. */
export const encode = (head: object, lines: readonly string[] = []): Buffer =>
  Buffer.from([JSON.stringify(head), ...lines].join("\n"));

/** Undefined for what nobody of us wrote. */
export function headOf(value: Buffer): (Partial<Author> & { do: string }) | undefined {
  const end = value.indexOf("\n");
  try {
    const head = JSON.parse(value.toString("utf8", 0, end < 0 ? value.length : end));
    return typeof head?.do === "string" ? head : undefined;
  } catch {
    return undefined;
  }
}

/** The contents of events of one record. */
export function contentsOf(value: Buffer, entries: readonly LogEntry[]): KeptEvent[] {
  const [head = "{}", ...lines] = value.toString().split("\n");
  const { events = [] } = JSON.parse(head) as { events?: Named[] };
  return entries.map(({ version, at, id, line }) => ({
    version,
    at,
    type: events[line]?.[0] ?? "",
    data: JSON.parse(lines[line] ?? "null"),
    id,
  }));
}

/** What a `take` came to. */
export type TakenEntries = { entries: HandedEntry<LogEntry>[]; dueMs: number | null } | undefined;

/** What a command does to the streams, and what its author is told. Throws for what a later version of this wrote. */
export function act(
  machine: LogMachine,
  head: Command,
  { offset, at: now }: Pick<LogRecord, "offset" | "at">,
): unknown {
  switch (head.do) {
    case "append": {
      const ids = head.events.map(([, id]) => id);
      return machine.append(head.stream, ids, head.expected, now, (line, version, at) => ({
        version,
        at,
        id: ids[line] ?? null,
        offset,
        line,
      }));
    }
    case "trim":
      return machine.trim(head.stream, head.upTo, head.before);
    case "purge":
      return machine.purge((now - head.olderThanMs) * 1000);
    case "join":
      return machine.join(head.stream, head.group, head.from);
    case "take":
      return machine.take(head.place, head.options, now);
    case "acknowledge":
      return machine.acknowledge(head.place, head.versions);
    case "giveBack":
      return machine.giveBack(head.place, head.versions, { delayMs: head.delayMs, seen: head.seen, now });
    case "restoreStream":
      return machine.restoreStream(head.state);
    case "restoreEvents":
      return machine.restoreEvents(
        head.stream,
        head.events.map(([, id, version = 0, at = 0], line) => ({ version, at, id, offset, line })),
      );
    case "restoreGroup":
      return machine.restoreGroup(head.stream, head.state);
    case "removeRun":
      return machine.removeRun(head.run);
    default:
      throw new StoreError(
        "unsupported",
        "kafka",
        `The log has records of a kind that is not known here (${String((head as { do: unknown }).do).slice(0, 40)}).`,
        "A later version wrote them: use that one.",
      );
  }
}
