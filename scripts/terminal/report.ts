import { styleText } from "node:util";

/** Something a user can put right: what broke, and what to type next. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly mend: string;
  constructor(what: string, mend: string, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause });
    this.mend = mend;
  }
}

type Mark = "ok" | "fault" | "note";
const MARKS: Record<Mark, string> = {
  ok: styleText("green", "✔"),
  fault: styleText("red", "✖"),
  note: styleText("yellow", "●"),
};

/** How a command speaks: lines for people, without colour or redraw where there is no terminal, or one JSON object a line. */
export class Report {
  readonly json: boolean;
  readonly #stack: string;
  readonly #live = process.stdout.isTTY === true;

  constructor(json: boolean, stack = "local") {
    this.json = json;
    this.#stack = stack;
  }

  /** A hint with the stack in each command that it names, so that it can be typed as it stands. */
  #typed(text: string): string {
    if (this.#stack === "local") return text;
    // Words of the command's own stand before its options or after them: `npm run swap vector -- --back`.
    return text.replaceAll(
      /npm run ([a-z]+)(?:((?: (?!-|npm )\S+)*) -- )?/g,
      (_, name, words) => `npm run ${name} -- --stack ${this.#stack}${words === undefined ? "" : `${words} `}`,
    );
  }

  /** A heading or a closing sentence; people only. */
  say(text: string): void {
    if (!this.json) console.log(this.#typed(text));
  }

  /** One object for programs; people see nothing of it. */
  data(value: Record<string, unknown>): void {
    if (this.json) console.log(JSON.stringify(value));
  }

  line(mark: Mark, name: string, text: string, data: Record<string, unknown> = {}): void {
    if (this.json) console.log(JSON.stringify({ step: name, result: mark, text, ...data }));
    else console.log(`  ${MARKS[mark]} ${name.padEnd(10)} ${this.#typed(text)}`);
  }

  /** A fault with its mend, in the form every command uses. */
  fault(what: string, mend: string): void {
    const typed = this.#typed(mend);
    if (this.json) console.log(JSON.stringify({ result: "fault", what, mend: typed }));
    else console.error(`  ${MARKS.fault} ${what}\n${indent(typed)}`);
  }

  /** Shows that `work` goes on, and what it is doing, then its line: the text that `work` resolves to. */
  async step(name: string, doing: string | (() => string), work: () => Promise<string>): Promise<void> {
    const stop = this.#progress(name, doing);
    try {
      const text = await work();
      stop();
      this.line("ok", name, text);
    } catch (error) {
      stop();
      throw error;
    }
  }

  #progress(name: string, doing: string | (() => string)): () => void {
    if (this.json || !this.#live) return () => {};
    const started = Date.now();
    const draw = () => {
      const seconds = ((Date.now() - started) / 1000).toFixed(0);
      const what = typeof doing === "string" ? doing : doing();
      process.stdout.write(`\r\x1b[2K  ${styleText("cyan", "…")} ${name.padEnd(10)} ${what} ${seconds} s`);
    };
    draw();
    const timer = setInterval(draw, 250);
    return () => {
      clearInterval(timer);
      process.stdout.write("\r\x1b[2K");
    };
  }

  /** Rows under a heading, columns as wide as they need to be. */
  table(heading: readonly string[], rows: readonly (readonly string[])[]): void {
    if (!this.json) for (const line of tableLines(heading, rows)) console.log(line);
  }
}

/** The lines of a table. Columns of numbers, with their unit or without, are set to the right. */
export function tableLines(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const columns = heading.map((title, column) => {
    const cells = rows.map((row) => row[column] ?? "");
    const right =
      cells.some(Boolean) && cells.every((cell) => cell === "" || /^[\d.,]+( [A-Za-z%/]{1,3})?$/.test(cell));
    return { right, width: Math.max(...[title, ...cells].map(({ length }) => length)) };
  });
  const format = (row: readonly string[]) => {
    const cells = columns.map(({ right, width }, i) => (right ? row[i]?.padStart(width) : row[i]?.padEnd(width)) ?? "");
    return `  ${cells.join("  ")}`.trimEnd();
  };
  return [styleText("dim", format(heading)), ...rows.map(format)];
}

const indent = (text: string) =>
  text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");

/** `1 image`, `2 images`. */
export const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

/** Bytes as people write them: `1.4 GiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
