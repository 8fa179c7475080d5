import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { canonical } from "../canonical.ts";
import { StoreError } from "../errors.ts";
import type { Blobs, RoleFleet, SnapshotRecord } from "../role.ts";

/** What two stores hold alike. */
export interface Same {
  records: number;
  /** SHA-256 of all records in canonical JSON, a line each. */
  sha256: string;
}

export interface CompareOptions {
  /** Called with every so many records. */
  progress?: (records: number) => void;
}

const EVERY = 256;
/** So many that differ are enough to know. */
const MOST = 1_000;
/** What has a time may end on one side a moment before it ends on the other: the next look finds it on neither. */
const LOOKS = 5;
const PAUSE_MS = 500;

/**
 * Reads two stores of one role side by side, record by record, contents included, and resolves to what both hold. Throws `StoreError` code `failed`, which names the first
 * records that differ. Memory stays constant. Nobody may write to either meanwhile; what ends by its own time does no harm.
 */
export async function compare(one: RoleFleet, other: RoleFleet, options: CompareOptions = {}): Promise<Same> {
  for (let looks = 1; ; looks++) {
    const found = await look(one, other, options);
    if (typeof found !== "string") return found;
    if (looks >= LOOKS)
      throw new StoreError("failed", "copy", found, "Type the same again: the copy starts from its beginning.");
    await sleep(PAUSE_MS);
  }
}

/** What both hold, or in words what differs. */
async function look(one: RoleFleet, other: RoleFleet, { progress }: CompareOptions): Promise<Same | string> {
  const hash = createHash("sha256");
  const ahead = { one: new Set<string>(), other: new Set<string>() };
  // Contents are read from the copy: the original's were as they are read.
  const [left, right] = [lines(one.export()), lines(other.export({ blobs: reading() }))];
  let records = 0;
  try {
    for (;;) {
      const [mine, theirs] = await Promise.all([left.next(), right.next()]);
      if (mine.done && theirs.done) break;
      if (!mine.done) hash.update(`${mine.value}\n`);
      if (mine.value === theirs.value) records++;
      else records += met(mine.value, ahead.one, ahead.other) + met(theirs.value, ahead.other, ahead.one);
      if (ahead.one.size + ahead.other.size > MOST) break;
      if (records % EVERY === 0) progress?.(records);
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)]);
  }
  if (ahead.one.size + ahead.other.size === 0) return { records, sha256: hash.digest("hex") };
  return differences([...ahead.one], [...ahead.other]);
}

/** Takes note of a line that the other side does not have so far; 1 when it had it already. */
function met(line: string | undefined, mine: Set<string>, theirs: Set<string>): number {
  if (line === undefined) return 0;
  if (theirs.delete(line)) return 1;
  mine.add(line);
  return 0;
}

function differences(missing: readonly string[], surplus: readonly string[]): string {
  const parts = [
    missing.length > 0 && `lacks ${missing.length}, first ${nameOf(missing[0])}`,
    surplus.length > 0 && `alone has ${surplus.length}, first ${nameOf(surplus[0])}`,
  ];
  return `Of the records, the copy ${parts.filter(Boolean).join("; and ")}.`;
}

/** The fields by which roles tell their records apart. */
const NAMES = ["id", "key", "name", "list", "lock", "ranking", "path", "stream", "version", "seq"];

/** A record by its name alone: what it says is nobody's business. */
function nameOf(line = "{}"): string {
  const { kind, tenant, ...fields } = JSON.parse(line) as SnapshotRecord;
  const names = NAMES.flatMap((name) => (name in fields ? [`${name} ${JSON.stringify(fields[name])}`] : []));
  return `${kind} ${names.join(" ")} of ${tenant}`;
}

async function* lines(records: AsyncIterable<SnapshotRecord>): AsyncGenerator<string, undefined> {
  for await (const record of records) yield canonical(record);
  return undefined;
}

/** Keeps nothing, and says of each content what it is by reading it. */
function reading(): Blobs {
  return {
    async keep(content) {
      const hash = createHash("sha256");
      let size = 0;
      for await (const piece of content()) {
        hash.update(piece);
        size += piece.length;
      }
      return { sha256: hash.digest("hex"), size };
    },
    // biome-ignore lint/correctness/useYield: nothing was kept
    async *read(sha256) {
      throw new StoreError("failed", "copy", `The content ${sha256} was not kept.`, "This is a fault of ours.");
    },
  };
}
