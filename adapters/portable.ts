import { checkTenant, isPlain, refuse } from "./input.ts";
import type { SnapshotRecord } from "./role.ts";

/*
 * What roles need to be portable: moments and vectors as snapshots write them, and records in portions that a store can take.
 */

/** A moment as snapshots write it, from milliseconds since 1970. */
export const momentOf = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, -1)}000Z`;

/** Milliseconds since 1970 of such a moment, or `StoreError` code `invalid`. */
export function millisecondsOf(store: string, moment: unknown): number {
  const milliseconds = typeof moment === "string" && MOMENT.test(moment) ? Date.parse(moment) : Number.NaN;
  if (Number.isNaN(milliseconds)) refuse(store, "A record has a moment that is none.", WHOLE);
  return milliseconds;
}
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
const WHOLE = "Take the records as they were exported.";

/** A vector as snapshots write it. */
export function base64OfVector(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes.toString("base64");
}

/** The vector of such a text, or `StoreError` code `invalid`. */
export function vectorOfBase64(store: string, text: unknown): Float32Array {
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (bytes.length % 4 !== 0 || bytes.toString("base64") !== text)
    refuse(store, "A record has a vector that is none.", WHOLE);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}

/** A record of a kind that a role does not have, or without what it must have. */
export const notOurs = (store: string, record: SnapshotRecord): never =>
  refuse(store, `A record of kind "${String(record.kind).slice(0, 40)}" is none of this role's, or not whole.`, WHOLE);

/** The tenants of an export, in order. */
export const tenantsOf = async (
  tenant: string | undefined,
  all: () => Promise<readonly string[]>,
): Promise<readonly string[]> => (tenant === undefined ? [...(await all())].sort() : [checkTenant(tenant)]);

/** Records of one tenant and kind that follow each other. Read them to their end before asking for the next portion. */
export interface Portion {
  tenant: string;
  kind: string;
  records: AsyncIterable<SnapshotRecord>;
}

/** Splits records where the tenant or the kind changes. Throws `StoreError` code `invalid` for what is no record. */
export async function* portions(store: string, records: AsyncIterable<SnapshotRecord>): AsyncGenerator<Portion> {
  const source = records[Symbol.asyncIterator]();
  const take = async () => {
    const { done, value } = await source.next();
    if (done) return undefined;
    if (!isPlain(value) || typeof value.kind !== "string") refuse(store, "One of the records is none.", WHOLE);
    checkTenant(value.tenant);
    return value;
  };
  let next = await take();
  async function* same({ tenant, kind }: SnapshotRecord): AsyncGenerator<SnapshotRecord> {
    for (; next && next.tenant === tenant && next.kind === kind; next = await take()) yield next;
  }
  try {
    while (next) yield { tenant: next.tenant, kind: next.kind, records: same(next) };
  } finally {
    await source.return?.();
  }
}

/** Puts items together that one call may write: at most so many, and of so many bytes unless it is a single one. */
export async function* batched<T>(
  items: AsyncIterable<T>,
  { most, bytes, size }: { most: number; bytes: number; size: (item: T) => number },
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let held = 0;
  for await (const item of items) {
    const more = size(item);
    if (batch.length > 0 && (batch.length >= most || held + more > bytes)) {
      yield batch;
      batch = [];
      held = 0;
    }
    batch.push(item);
    held += more;
  }
  if (batch.length > 0) yield batch;
}
