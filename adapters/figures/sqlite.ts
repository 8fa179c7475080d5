import { statSync } from "node:fs";
import { basename } from "node:path";
import { parseSqliteUrl } from "../clients/sqlite.ts";
import { databasesIn } from "../clients/sqlite-file.ts";
import { StoreError } from "../errors.ts";
import type { Figure, ReadFigures } from "./contract.ts";
import { bytes, percent } from "./text.ts";

/** Share of a file of this many bytes that is empty, from which it is worth giving back. */
const EMPTY = { share: 0.5, bytes: 16 * 1024 ** 2 };

const read: ReadFigures = async ({ fleet }) => {
  const folder = parseSqliteUrl(fleet);
  const files = databasesIn(folder);
  if (files.length === 0)
    throw new StoreError("unprepared", "sqlite", `There is no database in ${folder}.`, "Make it: npm run up");
  const all = await Promise.all(files.map(figuresOf));
  return { figures: all.flat(), tables: [] };
};
export default read;

async function figuresOf(file: string): Promise<Figure[]> {
  const role = basename(file, ".db");
  const size = sizeOf(file) ?? 0;
  const log = sizeOf(`${file}-wal`) ?? 0;
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(file, { readOnly: true, timeout: 500 });
  try {
    const pragma = (name: string) => Number(Object.values(db.prepare(`pragma ${name}`).get() ?? { none: 0 })[0]);
    const share = pragma("freelist_count") / Math.max(1, pragma("page_count"));
    const warn = "give the space back: npm run shell -- sqlite -c vacuum";
    const wasteful = size >= EMPTY.bytes && share >= EMPTY.share;
    return [
      {
        name: `${role} size`,
        value: size,
        unit: "bytes",
        text: bytes(size),
        note: `write-ahead log ${bytes(log)} · ${file}`,
      },
      { name: `${role} free inside`, value: share, unit: "share", text: percent(share), ...(wasteful && { warn }) },
    ];
  } finally {
    db.close();
  }
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size;
