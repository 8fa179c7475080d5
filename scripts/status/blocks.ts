import { styleText } from "node:util";
import type { Figure } from "../../adapters/figures/contract.ts";
import type { ProductFigures } from "../../adapters/figures/index.ts";
import { tableLines } from "../terminal/report.ts";

/** Columns of a terminal, or of a page. */
const columns = () => (process.stdout.isTTY ? process.stdout.columns : 160);

/** The lines that show a product's figures: its values below each other, their notes beside them. `all` adds the minor ones and the long tables. */
export function blockOf({ product, figures, tables, fault }: ProductFigures, all: boolean): string[] {
  const lines = [styleText("bold", product)];
  if (fault !== undefined)
    return [...lines, `  ${styleText("yellow", "●")} ${cut(`no figures: ${fault}`, columns() - 4)}`];
  const shown = figures.filter(({ minor, warn }) => all || !minor || warn !== undefined);
  const width = (of: (figure: Figure) => string) => Math.max(0, ...shown.map((figure) => of(figure).length));
  const [names, texts] = [width(({ name }) => name), width(({ text }) => text)];
  for (const { name, text, note = "", warn } of shown) {
    const beside = cut(note, columns() - names - texts - 6);
    lines.push(`  ${name.padEnd(names)}  ${text.padStart(texts)}  ${styleText("dim", beside)}`.trimEnd());
    if (warn !== undefined) lines.push(`  ${" ".repeat(names)}  ${styleText("yellow", `● ${warn}`)}`);
  }
  for (const table of all ? tables : []) {
    const [heading = "", ...rows] = tableLines(table.heading, table.rows);
    lines.push("", `  ${styleText("bold", table.name)}`, heading, ...rows.map((row) => cut(row, columns())));
  }
  return lines;
}

/** One line stays one line, or a frame could not be drawn over the last. Of text without colours. */
const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, Math.max(0, most - 1))}…` : text);

/** What a program reads: figures by name, and with `all` the long tables, each row an object by its heading. */
export function dataOf({ figures, tables, fault }: ProductFigures, all: boolean): Record<string, unknown> {
  const objects = tables.map(({ name, heading, rows }) => [
    name,
    rows.map((row) => Object.fromEntries(heading.map((title, i) => [title || "is", row[i]]))),
  ]);
  return {
    figures: Object.fromEntries(figures.map(({ name, minor, ...rest }) => [name.replaceAll(" ", "-"), rest])),
    ...(all && { tables: Object.fromEntries(objects) }),
    ...(fault !== undefined && { fault }),
  };
}
