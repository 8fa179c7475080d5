import { join } from "node:path";
import { parsePgliteUrl } from "../clients/pglite.ts";
import type { ReadFigures } from "./contract.ts";
import { foldersIn, measure } from "./folder.ts";
import { bytes } from "./text.ts";

/** From its folder alone: to open it would keep the programs out that it is for. */
const read: ReadFigures = async ({ admin }, signal) => {
  const { folder } = parsePgliteUrl(admin);
  await foldersIn(folder, "pglite");
  const [all, log] = await Promise.all([measure(folder, signal), measure(join(folder, "data", "pg_wal"), signal)]);
  return {
    figures: [
      {
        name: "size",
        value: all.bytes,
        unit: "bytes",
        text: `${all.whole ? "" : "over "}${bytes(all.bytes)}`,
        note: `write-ahead log ${bytes(log.bytes)} · ${folder}`,
      },
    ],
    tables: [],
  };
};
export default read;
