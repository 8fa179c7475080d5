import { canonical } from "../canonical.ts";
import { isPlain, isTenant, type Json } from "../input.ts";
import type { SnapshotRecord } from "../role.ts";
import { withoutRun } from "../runs.ts";
import type { KeptChange, KeptFact } from "./backend.ts";
import { checkName, checkShare, checkValue, isId, MAX_MOMENT, refuse } from "./validate.ts";
import { stringsOf, wordsOf } from "./words.ts";

/** A fact with when it was deleted, or null. */
export type Lasting = KeptFact & { deleted: number | null };

/** What an import writes. */
export type Imported =
  | { tenant: string; change: KeptChange; fact?: undefined }
  | { tenant: string; fact: Lasting; change?: undefined };

/** `2026-01-31T12:00:00.000000Z`, of microseconds since 1970. */
export function momentOf(micros: number): string {
  const ms = new Date(Math.floor(micros / 1_000)).toISOString();
  return `${ms.slice(0, -1)}${String(micros % 1_000).padStart(3, "0")}Z`;
}

const momentOrNull = (micros: number | null) => (micros === null ? null : momentOf(micros));

function microsOf(text: unknown, what: string): number {
  if (typeof text === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)) {
    const micros = Date.parse(`${text.slice(0, 23)}Z`) * 1_000 + Number(text.slice(23, 26));
    if (micros >= 0 && micros < (MAX_MOMENT + 1) * 1_000 && momentOf(micros) === text) return micros;
  }
  return broken(`${what} is no moment`);
}

const microsOrNull = (text: unknown, what: string) => (text === null ? null : microsOf(text, what));

/** What a snapshot says of a fact; its key stands beside it. */
function said({ key: _, expires, created, updated, ...fact }: KeptFact): Json {
  return {
    ...fact,
    expiresAt: momentOrNull(expires),
    createdAt: momentOf(created),
    updatedAt: momentOf(updated),
  };
}

export function changeRecord(tenant: string, { key, at, fact, ...change }: KeptChange): SnapshotRecord {
  return ordered({ kind: "change", tenant, key, ...change, at: momentOf(at), fact: fact && said(fact) });
}

export function factRecord(tenant: string, { deleted, ...fact }: Lasting): SnapshotRecord {
  return ordered({ kind: "fact", tenant, key: fact.key, deletedAt: momentOrNull(deleted), fact: said(fact) });
}

/** Products keep an object's names in orders of their own. */
const ordered = (record: SnapshotRecord): SnapshotRecord => JSON.parse(canonical(record));

/** What a record says, or `StoreError` code `invalid`. */
export function readRecord(record: SnapshotRecord): Imported {
  if (!isPlain(record) || !isTenant(record.tenant)) return broken("it has no tenant");
  const { kind, tenant } = record;
  const key = checkName(record.key, "A record's key");
  if (kind === "fact") {
    const deleted = microsOrNull(record.deletedAt, "deletedAt");
    return { tenant, fact: { ...readFact(key, record.fact), deleted } };
  }
  if (kind !== "change") return broken(`its kind is ${JSON.stringify(kind)?.slice(0, 40)}`);
  const { action } = record;
  if (action !== "put" && action !== "delete" && action !== "expire") return broken("its action is unknown");
  if ((action === "put") !== (record.fact !== null)) return broken("its fact does not go with its action");
  const fact = record.fact === null ? null : readFact(key, record.fact);
  const id = readId(record.id);
  if (fact && fact.id !== id) return broken("its fact is another's");
  const at = microsOf(record.at, "at");
  return { tenant, change: { key, seq: whole(record.seq), at, action, actor: name(record.actor), id, fact } };
}

function readFact(key: string, given: unknown): KeptFact {
  if (!isPlain(given)) return broken("its fact is no object");
  const { json } = checkValue(given.value, "A record");
  return {
    id: readId(given.id),
    key,
    agent: name(given.agent),
    kind: checkName(given.kind, "A record's kind of fact"),
    value: JSON.parse(json),
    confidence: given.confidence === null ? null : checkShare(given.confidence, "A record's confidence"),
    source: name(given.source),
    expires: microsOrNull(given.expiresAt, "expiresAt"),
    version: whole(given.version),
    created: microsOf(given.createdAt, "createdAt"),
    updated: microsOf(given.updatedAt, "updatedAt"),
  };
}

const name = (given: unknown) => (given === null ? null : checkName(given, "A record's name"));
const readId = (id: unknown): string => (isId(id) ? id : broken("its id is no UUID"));
const whole = (given: unknown): number =>
  typeof given === "number" && Number.isSafeInteger(given) && given > 0 ? given : broken("a number of it is not whole");

const broken = (what: string): never =>
  refuse(`A record is none of this role's (${what}).`, "Import what an export of the memory role gave.");

/** What a fact is found by. */
export const wordsOfFact = ({ key, kind, source, value }: KeptFact): string[] =>
  wordsOf(withoutRun(key), kind, source ?? "", ...stringsOf(value));
