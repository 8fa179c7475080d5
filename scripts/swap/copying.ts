import { StoreError } from "../../adapters/errors.ts";
import { compare } from "../../adapters/move/compare.ts";
import { copy } from "../../adapters/move/copy.ts";
import { BlobFolder } from "../../adapters/snapshot/blobs.ts";
import { countsText } from "../snapshot/place.ts";
import { inScratch } from "../stack/scratch.ts";
import { Failure, type Report, seconds } from "../terminal/report.ts";
import { Sample } from "./recall.ts";
import type { RoleAt } from "./stores.ts";

/** Below this share of the nearest an index is missing or broken. Above it the figure is told: how well an approximate index does is up to the vectors, too. */
const BROKEN = 0.5;

/** Copies a role from one store to another and compares the two; throws a Failure that leaves the old one whole. */
export async function copyAndCompare(name: string, from: RoleAt, to: RoleAt, report: Report): Promise<void> {
  const sample = new Sample();
  let records = 0;
  await report.step(
    "copy",
    () => `${records.toLocaleString("en")} records`,
    async () => {
      const started = Date.now();
      const counts = await inScratch(name, (folder) =>
        copy(from.fleet, to.fleet, {
          blobs: new BlobFolder(folder),
          passing(record, n) {
            records = n;
            sample.take(record);
          },
        }),
      );
      return `${countsText(counts)} in ${seconds(Date.now() - started)}`;
    },
  );
  let compared = 0;
  await report.step(
    "compare",
    () => `${compared.toLocaleString("en")} records are the same`,
    async () => {
      const progress = (n: number) => (compared = n);
      const same = await compare(from.fleet, to.fleet, { progress }).catch(unlike);
      const recall = sample.size > 0 ? await sample.recall(to.vector) : undefined;
      if (recall !== undefined && recall < BROKEN)
        throw new Failure(
          `the copy finds ${(recall * 100).toFixed(0)} % of the nearest, of ${sample.size} chunks`,
          "The old store is as it was. Its approximate index may still be in the making: type it again.",
        );
      const found = recall === undefined ? "" : ` · recall@10 ${recall.toFixed(3)} of ${sample.size}`;
      return `${same.records.toLocaleString("en")} records, the same to the byte · sha256 ${same.sha256.slice(0, 16)}…${found}`;
    },
  );
}

function unlike(error: unknown): never {
  if (error instanceof StoreError && error.store === "copy")
    throw new Failure(error.message.replace(` ${error.mend}`, "").replace(/^copy: /, ""), error.mend, error);
  throw error;
}
