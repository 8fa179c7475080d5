import { checkInteger, type Json } from "../input.ts";
import { batched, millisecondsOf, momentOf, notOurs, portions, tenantsOf } from "../portable.ts";
import type { Portable, SnapshotRecord } from "../role.ts";
import type { KeptMessage } from "./backend.ts";
import { checkName, checkScore, checkValue } from "./validate.ts";

/*
 * The records of the role. `expiresAt` is null for what does not end; what has ended is left out, on both sides. A lock's newest token travels, so that a later one is greater; who holds a lock does
 * not, nor do rate buckets, which are full again within their window, nor messages on channels, which nobody keeps.
 */

/** By kind: what is kept. Times are milliseconds since 1970, values JSON texts. */
export interface Kinds {
  counter: { name: string; value: number; expires: number | null };
  fence: { name: string; token: number };
  list: { name: string; expires: number | null };
  message: KeptMessage & { list: string };
  score: { ranking: string; member: string; score: number };
  value: { name: string; json: string; expires: number | null };
}

/** Reads what a protocol keeps. */
export interface Reader {
  tenants(): Promise<readonly string[]>;
  /** In code-point order of names, then of numbers and members. */
  of: { readonly [Kind in keyof Kinds]: (tenant: string) => AsyncIterable<Kinds[Kind]> };
}

export interface Keeper {
  /** For one export. */
  reader(): Reader;
  /**
   * Over what is there under the same names; a list is emptied, and its messages follow later. What has ended by now is gone then, and so are messages of lists that are not there. Counts what is left.
   */
  write: { readonly [Kind in keyof Kinds]: (tenant: string, some: Kinds[Kind][]) => Promise<number> };
}

interface Form<Kept> {
  fields(kept: Kept): Record<string, Json>;
  /** Of a record, or `StoreError` code `invalid`. */
  kept(record: SnapshotRecord): Kept;
  /** Characters beside the names. @default 0 */
  size?(kept: Kept): number;
}

const MOST = Number.MAX_SAFE_INTEGER;
const whole = (value: Json | undefined, what: string, least: number) =>
  checkInteger("session", value, what, least, MOST);
const moment = (milliseconds: number | null) => (milliseconds === null ? null : momentOf(milliseconds));
const end = ({ expiresAt }: SnapshotRecord) => (expiresAt === null ? null : millisecondsOf("session", expiresAt));

/** In the order of an export. */
const FORMS: { readonly [Kind in keyof Kinds]: Form<Kinds[Kind]> } = {
  counter: {
    fields: ({ name, value, expires }) => ({ name, value, expiresAt: moment(expires) }),
    kept: (record) => ({
      name: checkName(record.name, "A counter"),
      value: whole(record.value, "A counter's value", -MOST),
      expires: end(record),
    }),
  },
  fence: {
    fields: ({ name, token }) => ({ lock: name, token }),
    kept: ({ lock, token }) => ({ name: checkName(lock, "A lock"), token: whole(token, "A token", 1) }),
  },
  list: {
    fields: ({ name, expires }) => ({ name, expiresAt: moment(expires) }),
    kept: (record) => ({ name: checkName(record.name, "A list"), expires: end(record) }),
  },
  message: {
    fields: ({ list, seq, at, json }) => ({ list, seq, at: momentOf(at), value: JSON.parse(json) }),
    kept: ({ list, seq, at, value }) => ({
      list: checkName(list, "A message's list"),
      seq: whole(seq, "A message's seq", 1),
      at: millisecondsOf("session", at),
      json: checkValue(value, "A message"),
    }),
    size: ({ json }) => json.length,
  },
  score: {
    fields: ({ ranking, member, score }) => ({ ranking, member, score }),
    kept: ({ ranking, member, score }) => ({
      ranking: checkName(ranking, "A ranking"),
      member: checkName(member, "A member"),
      score: checkScore(score, "A score"),
    }),
  },
  value: {
    fields: ({ name, json, expires }) => ({ key: name, value: JSON.parse(json), expiresAt: moment(expires) }),
    kept: (record) => ({
      name: checkName(record.key, "A key"),
      json: checkValue(record.value, "A value"),
      expires: end(record),
    }),
    size: ({ json }) => json.length,
  },
};

type Kind = keyof Kinds;
const isKind = (kind: string): kind is Kind => Object.hasOwn(FORMS, kind);

/** The role's records, of what a protocol keeps. */
export function sessionPortable({ reader, write }: Keeper): Portable {
  async function take<K extends Kind>(
    kind: K,
    tenant: string,
    records: AsyncIterable<SnapshotRecord>,
  ): Promise<number> {
    const { kept, size = () => 0 } = FORMS[kind];
    const limits = { most: 500, bytes: 4 << 20, size: (one: Kinds[K]) => 1_024 + size(one) };
    let written = 0;
    for await (const batch of batched(mapped(records, kept), limits)) written += await write[kind](tenant, batch);
    return written;
  }
  return {
    async *export({ tenant } = {}) {
      const read = reader();
      for (const one of await tenantsOf(tenant, read.tenants))
        for (const kind of Object.keys(FORMS) as Kind[]) yield* recordsOf(read, kind, one);
    },
    async import(records) {
      const counts: Record<string, number> = {};
      for await (const { tenant, kind, records: some } of portions("session", records)) {
        if (!isKind(kind)) return notOurs("session", { kind, tenant });
        counts[kind] = (counts[kind] ?? 0) + (await take(kind, tenant, some));
      }
      return counts;
    },
  };
}

async function* recordsOf<K extends Kind>(read: Reader, kind: K, tenant: string): AsyncGenerator<SnapshotRecord> {
  const { fields }: Form<Kinds[K]> = FORMS[kind];
  const all: AsyncIterable<Kinds[K]> = read.of[kind](tenant);
  for await (const kept of all) yield { kind, tenant, ...fields(kept) };
}

async function* mapped<T>(records: AsyncIterable<SnapshotRecord>, of: (record: SnapshotRecord) => T) {
  for await (const record of records) yield of(record);
}
