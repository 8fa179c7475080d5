import type { z } from "zod";

/** One thing that is wrong with the settings. */
export interface Fault {
  key: string;
  what: string;
  mend: string;
}

/** What a schema says of itself, for mends. */
export interface Known {
  /** The keys that may stand below a path. */
  keys(path: readonly PropertyKey[]): readonly string[];
  /** What the value at a path is for. */
  takes(path: readonly PropertyKey[]): string;
}

/** Settings that cannot be used; the message names every fault and what to type. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly faults: readonly Fault[];
  /** Makes Pulumi print the message without a stack trace, as it does for its own RunError. */
  readonly __pulumiRunError = true;

  constructor(stack: string, faults: readonly Fault[]) {
    const lines = faults.map(({ key, what, mend }) => `  agent-stores:${key}: ${what}.\n    ${mend}`);
    super(`The settings of stack ${stack} cannot be used:\n${lines.join("\n")}`);
    this.faults = faults;
  }

  /** Faults out of a schema's error. */
  static read(error: z.ZodError, schema: Known, prefix = ""): Fault[] {
    return error.issues.flatMap((issue): Fault[] => {
      const key = [prefix, ...issue.path].filter((part) => part !== "").join(".");
      if (issue.code !== "unrecognized_keys")
        return [
          {
            key,
            what: lowerFirst(issue.message).replace("expected record", "expected an object"),
            mend: schema.takes(issue.path),
          },
        ];
      return issue.keys.map((unknown) => ({
        key: key === "" ? unknown : `${key}.${unknown}`,
        what: "unknown key",
        mend: hint(unknown, schema.keys(issue.path)),
      }));
    });
  }
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function hint(word: string, known: readonly string[]): string {
  const near = known.find((candidate) => distance(word.toLowerCase(), candidate.toLowerCase()) <= 2);
  return near ? `Did you mean ${near}?` : `Known: ${known.join(", ")}.`;
}

/** Edit distance: how many letters to add, drop or change. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries())
      next.push(
        Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === other ? 0 : 1)),
      );
    row = next;
  }
  return row[to.length] ?? 0;
}

const UNITS: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};

/** `512MiB`, `2 GB` or a number of bytes, as bytes; undefined when it is none of these. */
export function bytes(value: string | number): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  const [, digits, unit = "B"] = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B)?\s*$/i.exec(value) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  return digits === undefined || factor === undefined ? undefined : Math.floor(Number(digits) * factor);
}
