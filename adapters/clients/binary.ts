/**
 * Parameters in PostgreSQL's binary format. The array of vectors is the bulk of every load: as text it costs more than five times
 * the insert itself, and the client encodes text arrays one element at a time.
 */
export const oids = { text: 25, int4: 23, jsonb: 3802, bytea: 17, float8: 701 } as const;

/** The bytes of one `vector`: int16 dimension, int16 zero, then float32, all big-endian. */
export function vectorBytes(vector: ArrayLike<number>): Uint8Array {
  const out = Buffer.allocUnsafe(4 + vector.length * 4);
  writeVector(out, 0, vector);
  return out;
}

function writeVector(out: Buffer, at: number, vector: ArrayLike<number>): void {
  out.writeInt32BE(vector.length << 16, at);
  const view = new DataView(out.buffer, out.byteOffset + at + 4, vector.length * 4);
  for (let i = 0; i < vector.length; i++) view.setFloat32(i * 4, vector[i] as number);
}

/** `vector[]`. `oid` is that of `vector` in the database it goes to. */
export function vectorArray(vectors: readonly ArrayLike<number>[], oid: number): Uint8Array {
  let size = 0;
  for (const vector of vectors) size += 8 + vector.length * 4;
  const out = header(vectors.length, oid, size);
  let at = HEADER;
  for (const vector of vectors) {
    const length = 4 + vector.length * 4;
    out.writeInt32BE(length, at);
    writeVector(out, at + 4, vector);
    at += 4 + length;
  }
  return out;
}

/** `text[]`; null stays null. */
export function textArray(items: readonly (string | null)[]): Uint8Array {
  return strings(items, oids.text, 0);
}

/** `jsonb[]` from JSON texts. */
export function jsonbArray(items: readonly string[]): Uint8Array {
  return strings(items, oids.jsonb, 1);
}

/** `int4[]`. */
export function intArray(items: readonly number[]): Uint8Array {
  const out = header(items.length, oids.int4, items.length * 8);
  items.forEach((item, i) => {
    out.writeInt32BE(4, HEADER + i * 8);
    out.writeInt32BE(item, HEADER + i * 8 + 4);
  });
  return out;
}

/** `bytea[]` from hex digits. */
export function hexArray(items: readonly string[]): Uint8Array {
  const size = items.reduce((sum, item) => sum + 4 + item.length / 2, 0);
  const out = header(items.length, oids.bytea, size);
  let at = HEADER;
  for (const item of items) {
    at = out.writeInt32BE(item.length / 2, at);
    at += out.write(item, at, "hex");
  }
  return out;
}

const HEADER = 20;

function header(count: number, element: number, size: number): Buffer {
  const out = Buffer.allocUnsafe(HEADER + size);
  out.writeInt32BE(count === 0 ? 0 : 1, 0); // dimensions: an empty array has none
  out.writeInt32BE(0, 4);
  out.writeInt32BE(element, 8);
  if (count === 0) return out.subarray(0, 12);
  out.writeInt32BE(count, 12);
  out.writeInt32BE(1, 16);
  return out;
}

/** jsonb carries a version byte (1) before its text; text none (0). */
function strings(items: readonly (string | null)[], element: number, version: 0 | 1): Buffer {
  const lengths = items.map((item) => (item === null ? -1 : Buffer.byteLength(item)));
  const size = lengths.reduce((sum, length) => sum + 4 + (length < 0 ? 0 : length + version), 0);
  const out = header(items.length, element, size);
  if (lengths.includes(-1)) out.writeInt32BE(1, 4);
  let at = HEADER;
  items.forEach((item, i) => {
    const length = lengths[i] as number;
    at = out.writeInt32BE(item === null ? -1 : length + version, at);
    if (item === null) return;
    if (version) at = out.writeUInt8(version, at);
    at += out.write(item, at);
  });
  return out;
}
