import { describe, expect, it } from "vitest";
import { oneLevel, splitKey } from "../scripts/shell/listing.ts";
import { oursFirst, splitLine } from "../scripts/shell/words.ts";

describe("the words of npm run shell", () => {
  it.each([
    ["postgres", "postgres"],
    ["postgres --admin -c x", "--admin postgres -c x"],
    ["--stack other postgres --admin", "--stack other --admin postgres"],
    ["redis --stack=other --admin info memory", "--stack=other --admin redis info memory"],
    ["redis get --admin", "redis get --admin"],
    ["redis --json get key --help", "redis --json get key --help"],
    ["postgres -- -c x", "postgres -c x"],
    ["postgres -c -- x", "postgres -c -- x"],
    ["--help", "--help"],
    ["", ""],
  ])("%s: ours come first, and what is the client's own stays its own", (given, expected) => {
    expect(oursFirst(given.split(" ").filter(Boolean)).join(" ")).toBe(expected);
  });
});

describe("a line that is typed", () => {
  it.each<[string, string[] | undefined]>([
    ["ls  -r acme", ["ls", "-r", "acme"]],
    ['get "acme/two words" out', ["get", "acme/two words", "out"]],
    ["get acme/two\\ words", ["get", "acme/two words"]],
    ["put it''s 'a\\b' \"c\\\"d\"", ["put", "its", "a\\b", 'c"d']],
    ["put '' x", ["put", "", "x"]],
    ["   ", []],
    ['cat "acme', undefined],
  ])("%s", (line, words) => {
    expect(splitLine(line)).toEqual(words);
  });
});

it.each([
  ["acme", "acme", ""],
  ["acme/", "acme", ""],
  ["/acme/a/b.txt", "acme", "a/b.txt"],
  ["acme/a/", "acme", "a/"],
])("%s is of a tenant, and a path", (key, tenant, path) => {
  expect(splitKey(key)).toEqual({ tenant, path });
});

it("one level has the folders with what is in them, and the files", () => {
  const modifiedAt = new Date(0);
  const items = ["a/1", "a/b/2", "c", "d/3"].map((path) => ({ path, size: 10, modifiedAt }));
  const top = oneLevel(items, "");
  expect([...top.folders]).toEqual([
    ["a/", { files: 2, size: 20 }],
    ["d/", { files: 1, size: 10 }],
  ]);
  expect(top.files.map(({ path }) => path)).toEqual(["c"]);
  const below = oneLevel(
    items.filter(({ path }) => path.startsWith("a/")),
    "a/",
  );
  expect([...below.folders.keys()]).toEqual(["a/b/"]);
  expect(below.files.map(({ path }) => path)).toEqual(["a/1"]);
});
