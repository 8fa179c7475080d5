/** One line that a container wrote. */
export interface Line {
  product: string;
  /** When the engine got it: RFC 3339 in UTC with nanoseconds, so that the order of texts is the order of time. */
  at: string;
  stream: "stdout" | "stderr";
  line: string;
}

/** What `docker logs --timestamps` says: `2026-01-02T03:04:05.123456789Z text`. Undefined for what it says of itself. */
export function parseLine(text: string): Pick<Line, "at" | "line"> | undefined {
  const [, at, fraction = "", line = ""] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z ?(.*)$/s.exec(text) ?? [];
  return at === undefined ? undefined : { at: `${at}.${fraction.padEnd(9, "0")}Z`, line };
}

/** In order of time; lines of one moment stay in the order in which they came. */
export const inOrder = (lines: readonly Line[]): Line[] =>
  lines.toSorted((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));

/** Cuts what arrives in pieces into lines. */
export function splitter(take: (line: string) => void): { push(text: string): void; end(): void } {
  let rest = "";
  return {
    push(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line.replace(/\r$/, ""));
    },
    end() {
      if (rest !== "") take(rest);
      rest = "";
    },
  };
}

/**
 * Puts what several containers say into order while it goes on: a line is held back for a moment, so that one that was written earlier and arrives later still comes before
 * it. `now` and what is held are in milliseconds.
 */
export class Merger {
  readonly #hold: number;
  #held: { line: Line; came: number }[] = [];

  constructor(hold = 250) {
    this.#hold = hold;
  }

  push(line: Line, now: number): void {
    this.#held.push({ line, came: now });
  }

  /** Lines whose time has come, and what was written before them. */
  take(now: number): Line[] {
    const due = this.#held.filter(({ came }) => now - came >= this.#hold).map(({ line }) => line.at);
    if (due.length === 0) return [];
    const last = due.reduce((one, other) => (one > other ? one : other));
    const ready = this.#held.filter(({ line }) => line.at <= last);
    this.#held = this.#held.filter(({ line }) => line.at > last);
    return inOrder(ready.map(({ line }) => line));
  }

  rest(): Line[] {
    return this.take(Number.POSITIVE_INFINITY);
  }
}

/** What of a server's log is wanted. */
export interface Wanted {
  /** A number of lines, or `all`. */
  tail: string;
  /** RFC 3339, or as long ago as `10m`. */
  since?: string;
  follow: boolean;
}
