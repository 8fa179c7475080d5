import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkEnv, envFiles, readOurs, shadowed, writeEnv } from "../scripts/stack/dotenv.ts";

const stack = `test-${process.pid}`;
const { app } = envFiles(stack);
afterEach(() => rmSync(app, { force: true, recursive: true }));

describe("writeEnv", () => {
  it("keeps the user's lines around ours, and is readable by its owner alone", () => {
    writeFileSync(app, "MINE=1\n", { mode: 0o644 });
    writeEnv(app, { VECTOR_URL: "postgres://a:b@127.0.0.1:5432/c" });
    writeFileSync(app, `${readFileSync(app, "utf8")}AFTER='two words'\n`);
    writeEnv(app, { VECTOR_URL: "inprocess:" });
    expect(readOurs(app)).toEqual({ VECTOR_URL: "inprocess:" });
    expect(readFileSync(app, "utf8")).toMatch(/^MINE=1\n# >>>[\s\S]*# <<<.*\nAFTER='two words'\n$/);
    expect(statSync(app).mode & 0o777).toBe(0o600);
  });

  it("takes our lines out again and leaves the user's", () => {
    writeFileSync(app, "MINE=1\n");
    writeEnv(app, { A: "1" });
    writeEnv(app, {});
    expect(readFileSync(app, "utf8")).toBe("MINE=1\n");
  });

  it("removes a file that held nothing else", () => {
    writeEnv(app, { A: "1" });
    writeEnv(app, {});
    expect(existsSync(app)).toBe(false);
  });

  it("gives back values with every kind of character", () => {
    const values = { A: 'PEM "lines"\nwith $HOME and # and spaces', B: "plain", C: "it's", D: `both ' and "` };
    writeEnv(app, values);
    expect(readOurs(app)).toEqual(values);
  });

  it("refuses a value that no quotation mark can hold", () => {
    expect(() => writeEnv(app, { A: `'"\`` })).toThrow(/quotation mark/);
    expect(existsSync(app)).toBe(false);
  });

  it("writes through a link", () => {
    symlinkSync(`${app}-target`, app);
    writeFileSync(`${app}-target`, "MINE=1\n");
    writeEnv(envFiles(stack).app, { A: "1" });
    expect(lstatSync(app).isSymbolicLink()).toBe(true);
    expect(readFileSync(`${app}-target`, "utf8")).toContain("A=1");
    rmSync(`${app}-target`);
  });
});

describe("a file that cannot be written as it is", () => {
  it.each([
    ["an opened block that is never closed", "# >>> agent-stores\nA=1\n", /broken markers/],
    [
      "two blocks",
      "# >>> agent-stores\n# <<< agent-stores\n# >>> agent-stores\n# <<< agent-stores\n",
      /broken markers/,
    ],
    ["an end before its start", "# <<< agent-stores\n# >>> agent-stores\n", /broken markers/],
    ["bytes that are no text", "A=\0\x01\n", /is not text/],
  ])("%s is refused and left alone", (_, text, message) => {
    writeFileSync(app, text);
    expect(() => checkEnv(stack)).toThrow(message);
    expect(() => writeEnv(app, { A: "2" })).toThrow(message);
    expect(readFileSync(app, "utf8")).toBe(text);
  });

  it("a folder in its place is refused by name", () => {
    mkdirSync(app);
    expect(() => checkEnv(stack)).toThrow(`${basename(app)} is not a file`);
  });
});

it("names variables that a line of the user's sets too", () => {
  writeFileSync(app, "VECTOR_URL=mine\n");
  writeEnv(app, { VECTOR_URL: "ours", OTHER: "1" });
  expect(shadowed(app)).toEqual(["VECTOR_URL"]);
});
