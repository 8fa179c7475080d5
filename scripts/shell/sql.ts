import { Command, Option } from "commander";
import { Failure, tableLines } from "../terminal/report.ts";
import { complain, readLines } from "./lines.ts";

type Row = Record<string, unknown>;

/** A database that answers one statement after another. */
export interface Database {
  /** Rows, or none for a statement that gives none. Tenant: whose rows it sees, where the database tells them apart. */
  run(statement: string, tenant: string | null): Promise<Row[]>;
  close(): Promise<void>;
}

/** A small SQL prompt: `-c <sql>` runs it and ends; else statements end with `;`. `-t <tenant>`, or `\tenant <id>`, works as that tenant. */
export async function sqlPrompt(product: string, words: readonly string[], open: () => Database): Promise<number> {
  const asked = parse(product, words);
  const database = open();
  let tenant: string | null = asked.tenant ?? null;
  const run = async (statement: string) => print(await database.run(statement, tenant));
  try {
    if (asked.command !== undefined) {
      await run(asked.command);
      return 0;
    }
    let begun = "";
    const act = async (line: string) => {
      const [word, id] = begun === "" ? line.trim().split(/\s+/) : [];
      if (word === "\\q" || word === "exit") return "exit";
      if (word === "\\tenant") tenant = id ?? null;
      else begun += begun === "" && line.trim() === "" ? "" : `${line}\n`;
      if (!/;\s*$/.test(begun)) return undefined;
      const statement = begun;
      begun = "";
      await run(statement);
      return undefined;
    };
    const prompt = () =>
      begun === "" ? `${product}${tenant ? `:${tenant}` : ""}> ` : `${" ".repeat(product.length)}> `;
    const failed = await readLines(prompt, act, complain);
    if (begun.trim() !== "") await run(begun);
    return failed && !process.stdin.isTTY ? 1 : 0;
  } finally {
    await database.close();
  }
}

function parse(product: string, words: readonly string[]): { command?: string; tenant?: string } {
  const program = new Command(product)
    .addOption(new Option("-c, --command <sql>", "run this and end"))
    .addOption(new Option("-t, --tenant <id>", "work as this tenant"))
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  try {
    return program.parse(words, { from: "user" }).opts();
  } catch (error) {
    const what = error instanceof Error ? error.message.replace(/^error: /, "") : String(error);
    throw new Failure(what, `Type: npm run shell -- ${product} -c 'select 1'   (-t <tenant> works as a tenant)`);
  }
}

function print(rows: Row[]): void {
  const heading = Object.keys(rows[0] ?? {});
  const text = (value: unknown) =>
    value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const cells = rows.map((row) => heading.map((name) => text(row[name]).replaceAll("\n", "⏎")));
  console.log(rows.length === 0 ? "(no rows)" : tableLines(heading, cells).join("\n"));
}
