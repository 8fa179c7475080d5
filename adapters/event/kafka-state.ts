import { randomUUID } from "node:crypto";
import { encode, type LogEntry, type LogMachine } from "./kafka-commands.ts";
import { EventMachine } from "./machine.ts";
import type { Group } from "./machine-groups.ts";

/** Bytes of one record of a state, about. */
const PART = 512 * 1024;

/** The streams as a log has them before a place. */
export interface State {
  machine: LogMachine;
  /** The first place that is not in it. */
  of: number;
}

interface Part {
  id: string;
  of: number;
  part: number;
  parts: number;
}
type Line =
  | { stream: string; head: number; at: number }
  | { entry: [version: number, at: number, id: string | null, offset: number, line: number] }
  | { group: string; handed: number; missed: number }
  | { held: [version: number, consumer: string, until: number, count: number, missed: number] };

/** The records that say what the streams are before a place, so that a log may begin there. */
export function stateRecords({ streams }: LogMachine, of: number): Buffer[] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const line of linesOf(streams)) {
    const text = JSON.stringify(line);
    bytes += text.length;
    if (bytes > PART) parts.push([]);
    if (bytes > PART) bytes = text.length;
    parts.at(-1)?.push(text);
  }
  const id = randomUUID();
  return parts.map((lines, part) =>
    encode({ do: "state", id, of, part, parts: parts.length } satisfies Part & { do: "state" }, lines),
  );
}

function* linesOf(streams: LogMachine["streams"]): Generator<Line> {
  for (const [stream, { head, at, events, groups }] of streams) {
    yield { stream, head, at };
    for (const { version, at, id, offset, line } of events) yield { entry: [version, at, id, offset, line] };
    for (const [group, { handed, missed, held }] of groups) {
      yield { group, handed, missed };
      for (const [version, one] of held) yield { held: [version, one.consumer, one.until, one.count, one.missed] };
    }
  }
}

/** Puts a state together as its records come by. */
export class Gathering {
  readonly #found = new Map<string, string[][]>();

  /** The state, when this was the last of its records. */
  add(value: Buffer): State | undefined {
    const [head = "", ...lines] = value.toString().split("\n");
    const { id, of, part, parts } = JSON.parse(head) as Part;
    const found = this.#found.get(id) ?? [];
    found[part] = lines.filter(Boolean);
    this.#found.set(id, found);
    if (found.filter(Boolean).length < parts) return undefined;
    return { machine: machineOf(found.flat()), of };
  }
}

function machineOf(lines: readonly string[]): LogMachine {
  const machine: LogMachine = new EventMachine<LogEntry>();
  let stream = machine.of("");
  let group: Group | undefined;
  for (const text of lines) {
    const line = JSON.parse(text) as Line;
    if ("stream" in line) {
      stream = Object.assign(machine.made(line.stream), { head: line.head, at: line.at });
    } else if ("entry" in line) {
      const [version, at, id, offset, place] = line.entry;
      stream.events.push({ version, at, id, offset, line: place });
      if (id !== null) stream.ids.set(id, version);
    } else if ("group" in line) {
      group = { handed: line.handed, missed: line.missed, held: new Map() };
      stream.groups.set(line.group, group);
    } else {
      const [version, consumer, until, count, missed] = line.held;
      group?.held.set(version, { consumer, until, count, missed });
    }
  }
  return machine;
}
