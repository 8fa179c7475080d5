import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inOrder, type Line, Merger, parseLine, splitter } from "../scripts/logs/lines.ts";

const said = (product: string, at: string): Line => ({ product, at, stream: "stdout", line: at });

describe("a line of docker logs --timestamps", () => {
  it.each([
    ["2026-01-02T03:04:05.123456789Z a  b ", { at: "2026-01-02T03:04:05.123456789Z", line: "a  b " }],
    ["2026-01-02T03:04:05.12Z a", { at: "2026-01-02T03:04:05.120000000Z", line: "a" }],
    ["2026-01-02T03:04:05Z ", { at: "2026-01-02T03:04:05.000000000Z", line: "" }],
    ["Error: No such container: x", undefined],
  ])("%s", (text, line) => {
    expect(parseLine(text)).toEqual(line);
  });

  it("is put together again however it arrives", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[^\r\n]*$/)), fc.integer({ min: 1, max: 7 }), (lines, size) => {
        const got: string[] = [];
        const cutter = splitter((line) => got.push(line));
        const text = lines.map((line) => `${line}\n`).join("");
        for (let at = 0; at < text.length; at += size) cutter.push(text.slice(at, at + size));
        cutter.end();
        expect(got).toEqual(lines);
      }),
    );
  });

  it("that is not ended is told at the end", () => {
    const got: string[] = [];
    const cutter = splitter((line) => got.push(line));
    cutter.push("one\r\ntw");
    cutter.push("o");
    expect(got).toEqual(["one"]);
    cutter.end();
    expect(got).toEqual(["one", "two"]);
  });
});

it("lines of several are in order of time, and those of one moment as they came", () => {
  const lines = [said("b", "2"), said("a", "1"), said("c", "2"), said("a", "3"), said("d", "2")];
  expect(inOrder(lines).map(({ product, at }) => product + at)).toEqual(["a1", "b2", "c2", "d2", "a3"]);
});

describe("merging while it goes on", () => {
  it("holds a line back until an earlier one can have come", () => {
    const merger = new Merger(250);
    merger.push(said("a", "5"), 1000);
    expect(merger.take(1100)).toEqual([]);
    merger.push(said("b", "4"), 1200);
    merger.push(said("b", "6"), 1200);
    expect(merger.take(1250).map(({ at }) => at)).toEqual(["4", "5"]);
    expect(merger.take(1300)).toEqual([]);
    expect(merger.rest().map(({ at }) => at)).toEqual(["6"]);
    expect(merger.rest()).toEqual([]);
  });

  it("loses and doubles nothing", () => {
    const moments = fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 99 })));
    fc.assert(
      fc.property(moments, (all) => {
        const merger = new Merger(10);
        const told: string[] = [];
        all.forEach(([at, wait], i) => {
          merger.push(said("a", `${at}-${i}`), i * wait);
          told.push(...merger.take(i * wait).map(({ line }) => line));
        });
        told.push(...merger.rest().map(({ line }) => line));
        expect(told.toSorted()).toEqual(all.map(([at], i) => `${at}-${i}`).toSorted());
      }),
    );
  });
});
