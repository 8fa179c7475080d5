import {
  chmodSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { parseEnv } from "node:util";
import { root } from "../../stacks/place.ts";
import { Failure } from "../terminal/report.ts";

const START = "# >>> agent-stores: written by npm run up; lines between the markers are replaced";
const END = "# <<< agent-stores";

/** `.env`, and `.env.<stack>` for every stack but local; `.env.admin` beside it. */
export function envFiles(stack: string): { app: string; admin: string } {
  const name = stack === "local" ? ".env" : `.env.${stack}`;
  return { app: linked(join(root, name)), admin: linked(join(root, `${name}.admin`)) };
}

/** A link is written through, not replaced. */
const linked = (path: string) => (existsSync(path) ? realpathSync(path) : path);

const VALUE = /^[A-Za-z0-9_./:@?&=%,+~-]*$/;

function line([name, value]: [string, string]): string {
  const quote = VALUE.test(value) ? "" : ["'", '"', "`"].find((sign) => !value.includes(sign));
  if (quote !== undefined) return `${name}=${quote}${value}${quote}`;
  throw new Failure(
    `the value of ${name} holds every kind of quotation mark`,
    "No .env file can hold it: use a folder of another name.",
  );
}

/** The file in three parts: what the user wrote before our lines, ours, and after. Refuses a file whose markers do not match. */
function split(path: string): { before: string; ours: string; after: string } {
  if (!existsSync(path)) return { before: "", ours: "", after: "" };
  const name = relative(root, path);
  const corrupt = (what: string, mend: string) => new Failure(`${name} ${what}`, mend);
  if (!statSync(path).isFile()) throw corrupt("is not a file", `Move it away: mv ${name} ${name}.old`);
  const text = readFileSync(path, "utf8");
  if (text.includes("\0") || text.includes("\uFFFD"))
    throw corrupt("is not text", `Move it away: mv ${name} ${name}.broken   It will be written anew.`);
  const lines = text.split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith("# >>> agent-stores") ? index : []));
  const ends = lines.flatMap((line, index) => (line.startsWith("# <<< agent-stores") ? index : []));
  const [start, end] = [starts[0], ends[0]];
  if (start === undefined && end === undefined) return { before: text, ours: "", after: "" };
  if (starts.length !== 1 || ends.length !== 1 || start === undefined || end === undefined || end < start)
    throw corrupt(
      `has broken markers (line ${(start ?? end ?? 0) + 1})`,
      "One line must start with '# >>> agent-stores' and a later one with '# <<< agent-stores'.\nDelete the marker lines that are left, keep your own lines, and run the command again.",
    );
  return {
    before: lines.slice(0, start).join("\n") + (start > 0 ? "\n" : ""),
    ours: lines.slice(start + 1, end).join("\n"),
    after: lines.slice(end + 1).join("\n"),
  };
}

/** Throws a Failure when the files cannot be written as they are; writes nothing. */
export function checkEnv(stack: string): void {
  for (const path of Object.values(envFiles(stack))) split(path);
}

/** Our variables in a file; the user's own lines are not looked at. */
export const readOurs = (path: string): Record<string, string> => parseEnv(split(path).ours) as Record<string, string>;

/** Replaces our lines, keeps the user's, and leaves the file readable by its owner alone. No variables: our lines go. */
export function writeEnv(path: string, variables: Record<string, string>): void {
  const { before, ours, after } = split(path);
  const lines = Object.entries(variables).map(line);
  const block = lines.length > 0 ? `${[START, ...lines, END].join("\n")}\n` : "";
  const gap = before === "" || before.endsWith("\n") ? before : `${before}\n`;
  const text = `${gap}${block}${after}`;
  if (text.trim() === "") {
    if (ours !== "" || existsSync(path)) rmSync(path, { force: true });
    return;
  }
  if (existsSync(path) && readFileSync(path, "utf8") === text) chmodSync(path, 0o600);
  else {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

/** Variables of ours that a line of the user's sets too: the later line wins, so one of the two has no effect. */
export function shadowed(path: string): string[] {
  const { before, ours, after } = split(path);
  const own = { ...parseEnv(before), ...parseEnv(after) };
  return Object.keys(parseEnv(ours)).filter((name) => name in own);
}
