import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { canonical } from "../canonical.ts";
import { StoreError } from "../errors.ts";
import { damaged, type FileFacts, MAX_LINE } from "./format.ts";

const PIECE = 1 << 18;

/** Opens a file that is really there, and no link to another place. `name` is what messages call it. */
export async function openFile(path: string, name: string): Promise<FileHandle> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) throw damaged(name, "is missing");
  if (!found.isFile()) throw damaged(name, found.isSymbolicLink() ? "is a link" : "is no file");
  return open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
}

/** The bytes of a file, which is closed at their end. */
export async function* pieces(handle: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(PIECE);
      const { bytesRead } = await handle.read(buffer, 0, PIECE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Writes values as lines of canonical JSON, and counts and hashes what it writes. */
export class LineWriter {
  readonly #handle: FileHandle;
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #waiting: string[] = [];
  #held = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async create(path: string): Promise<LineWriter> {
    return new LineWriter(await open(path, "wx", 0o600));
  }

  async write(value: unknown): Promise<void> {
    const line = `${canonical(value)}\n`;
    if (line.length * 3 > MAX_LINE && Buffer.byteLength(line) > MAX_LINE)
      throw new StoreError("failed", "snapshot", "A record has more than 16 MiB.", "Keep large values in artifacts.");
    this.#waiting.push(line);
    this.#held += line.length;
    if (this.#held >= PIECE) await this.#flush();
  }

  /** Ends the file, once the disk has it. */
  async end(): Promise<FileFacts> {
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    return { bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }

  close(): Promise<void> {
    return this.#handle.close().catch(() => {});
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#waiting.join(""));
    this.#waiting = [];
    this.#held = 0;
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
    this.#bytes += bytes.length;
  }
}

/** The lines of a file, without their ends. Throws `StoreError` unless it is exactly of the size and hash that it must have. */
export async function* linesOf(path: string, name: string, must: FileFacts): AsyncGenerator<string> {
  const handle = await openFile(path, name);
  const { size } = await handle.stat();
  if (size !== must.bytes) {
    await handle.close();
    throw damaged(name, `has ${size} bytes, and had ${must.bytes}`);
  }
  const hash = createHash("sha256");
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let begun: Uint8Array[] = [];
  let held = 0;
  let number = 0;
  const line = (rest: Uint8Array): string => {
    number++;
    try {
      return text.decode(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
    } catch (cause) {
      throw damaged(name, `is no text in line ${number}`, cause);
    }
  };
  for await (const piece of pieces(handle)) {
    hash.update(piece);
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      yield line(piece.subarray(from, end));
      begun = [];
      held = 0;
      from = end + 1;
    }
    const rest = piece.subarray(from);
    held += rest.length;
    if (held >= MAX_LINE) throw damaged(name, `has a line of more than 16 MiB after line ${number}`);
    if (rest.length > 0) begun.push(rest);
  }
  if (held > 0) throw damaged(name, "ends amid a line");
  if (hash.digest("hex") !== must.sha256) throw damaged(name, "is not as it was written");
}
