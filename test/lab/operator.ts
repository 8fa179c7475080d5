import { readdirSync, readFileSync } from "node:fs";

/** One object of `npm run status -- --json --all`. */
export interface Status {
  product: string;
  answers: string;
  state: string;
  figures: Record<string, { value: number | string | null; text: string; note?: string }>;
  tables: Record<string, Record<string, string>[]>;
  fault?: string;
}

/** One for each line. */
export const objects = (text: string): Status[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Asks again until `holds`; fails with the last that it got. */
export async function until<T>(ask: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  for (const deadline = performance.now() + 60_000; ; ) {
    const seen = await ask();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`never so: ${JSON.stringify(seen)}`);
  }
}

/** The arguments of every process that there is, those in containers too. */
export const commandLines = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return []; // ended meanwhile
      }
    });
