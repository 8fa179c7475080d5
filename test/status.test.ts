import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { load } from "../adapters/figures/postgres-load.ts";
import { space } from "../adapters/figures/postgres-space.ts";
import { parseInfo } from "../adapters/figures/redis.ts";
import { fromInfo } from "../adapters/figures/redis-info.ts";
import { byTenant } from "../adapters/figures/tenants.ts";
import { bytes, duration, percent, short } from "../adapters/figures/text.ts";
import { blockOf, dataOf } from "../scripts/status/blocks.ts";
import { tableLines } from "../scripts/terminal/report.ts";
import { root } from "../stacks/place.ts";

it("figures are written as people write them", () => {
  expect([0, 1023, 1024, 1536, 200 * 1024 ** 2].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "200 MiB"]);
  expect([0.5, 42, 1500, 90_000, 7_200_000, 259_200_000].map(duration)).toEqual([
    "0.50 ms",
    "42 ms",
    "1.5 s",
    "2 min",
    "2.0 h",
    "3.0 d",
  ]);
  expect([1, 0.99999, 0.5, 0].map(percent)).toEqual(["100 %", "99.9 %", "50.0 %", "0.0 %"]);
  expect(short("select\n  1", 8)).toBe("select 1");
  expect(short("select 12", 8)).toBe("select …");
});

it("a table sets columns of numbers to the right, and only those", () => {
  const lines = tableLines(
    ["name", "bytes", "version"],
    [
      ["a", "9 B", "1.2.3a"],
      ["long", "1.5 KiB", "1"],
    ],
  );
  expect(lines.map(stripVTControlCharacters)).toEqual([
    "  name    bytes  version",
    "  a         9 B  1.2.3a",
    "  long  1.5 KiB  1",
  ]);
});

describe("queries for operators", () => {
  const folder = join(root, "sql", "queries");
  const files = readdirSync(folder);

  it("each is shown, and each that is shown is there", () => {
    expect(files.toSorted()).toEqual(
      Object.keys({ ...load, ...space })
        .map((name) => `${name}.sql`)
        .toSorted(),
    );
  });

  it.each(files)("%s says first what it answers, and is one statement that reads", (file) => {
    const text = readFileSync(join(folder, file), "utf8");
    expect(text).toMatch(/^-- [A-Z].{40,}\.\nselect\n/);
    expect(text.match(/;\n/g)).toHaveLength(1);
    expect(text).toMatch(/;\n$/);
  });
});

describe("what Postgres says", () => {
  it("warns when connections run out, and not before", () => {
    const at = (used: number) =>
      load.connections([{ most: 100, used, active: 1, idle: 2, idle_in_transaction: 3 }]).figure;
    expect(at(79)).toMatchObject({ value: 79, text: "79 of 100", note: "1 active · 2 idle · 3 idle in transaction" });
    expect(at(79).warn).toBeUndefined();
    expect(at(80).warn).toMatch(/^80.0 % are taken/);
  });

  it("names who waits for a lock and who holds it", () => {
    const row = { pid: 7, account: "a", seconds: 6, statement: "update x", blocker: 8, blocker_account: "b" };
    const { figure, table } = load.locks([
      { ...row, blocker_state: "idle in transaction", blocker_statement: "lock x" },
    ]);
    expect(figure).toMatchObject({ value: 1, note: "pid 7 for 6.0 s behind pid 8, idle in transaction: lock x" });
    expect(figure.warn).toContain("pg_terminate_backend(8)");
    expect(table?.rows).toEqual([["7 a", "6.0 s", "update x", "8 b", "idle in transaction", "lock x"]]);
    expect(load.locks([]).figure).toMatchObject({ value: 0, text: "none waiting" });
  });

  it("warns of a table that is a fifth dead, when it is big enough to matter", () => {
    const row = { name: "t", live: 8_000, dead: 2_001, share: 0.2001, dead_bytes: 1, autovacuumed: "never" };
    expect(space.bloat([row]).figure.warn).toMatch(/^vacuum t/);
    expect(space.bloat([{ ...row, live: 80, dead: 21 }]).figure.warn).toBeUndefined();
  });
});

describe("what Redis says", () => {
  const info = (more: string) =>
    fromInfo(parseInfo(`# Memory\r\nused_memory:90\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n${more}`), 5_000);
  const figure = (name: string, more = "") => info(more).find((one) => one.name === name);

  it("memory against its limit", () => {
    expect(figure("memory")).toMatchObject({ value: 90, text: "90 B of 100 B" });
    expect(figure("memory")?.warn).toMatch(/^writes are refused when it is full/);
  });

  it("a hit rate only when something was read", () => {
    expect(figure("hit rate")).toMatchObject({ value: null, text: "none yet" });
    expect(figure("hit rate", "keyspace_hits:3\r\nkeyspace_misses:1\r\n")).toMatchObject({
      value: 0.75,
      text: "75.0 %",
    });
  });

  it("a disk that refuses to take what is in memory", () => {
    expect(figure("on disk", "aof_enabled:1\r\naof_last_write_status:err\r\n")?.warn).toContain(
      "aof_last_write_status",
    );
    expect(figure("on disk", "aof_enabled:1\r\naof_last_write_status:ok\r\n")?.warn).toBeUndefined();
  });
});

it("says that a count of objects is not all of them", () => {
  const { figures, tables } = byTenant(
    [{ tenant: "acme", objects: 2, bytes: 5 }],
    "at least: the look ended",
    "bucket b",
  );
  expect(figures.map(({ note }) => note)).toEqual([
    "bucket b · at least: the look ended",
    "of 1 tenant; the biggest: acme, 5 B · at least: the look ended",
  ]);
  expect(tables[0]?.rows).toEqual([["acme", "2", "5 B"]]);
});

describe("a product's block", () => {
  const figures = [
    { name: "size", value: 5, text: "5 B", note: "n" },
    { name: "calm one", value: 0, text: "0", minor: true as const },
    { name: "loud one", value: 9, text: "9", minor: true as const, warn: "do this" },
  ];
  const one = { product: "p", figures, tables: [{ name: "t", heading: ["a"], rows: [["1"]] }] };
  const lines = (all: boolean) => blockOf(one, all).map(stripVTControlCharacters);

  it("is short, but for what warns", () => {
    expect(lines(false)).toEqual(["p", "  size      5 B  n", "  loud one    9", "            ● do this"]);
  });

  it("has everything when asked", () => {
    expect(lines(true)).toHaveLength(9);
    expect(lines(true).slice(-2)).toEqual(["  a", "  1"]);
  });

  it("says why there is none", () => {
    const gone = blockOf({ product: "p", figures: [], tables: [], fault: "it is gone" }, false);
    expect(gone.map(stripVTControlCharacters)).toEqual(["p", "  ● no figures: it is gone"]);
  });

  it("is an object by name for programs", () => {
    expect(dataOf(one, false)).toEqual({
      figures: {
        size: { value: 5, text: "5 B", note: "n" },
        "calm-one": { value: 0, text: "0" },
        "loud-one": { value: 9, text: "9", warn: "do this" },
      },
    });
    expect(dataOf(one, true)).toMatchObject({ tables: { t: [{ a: "1" }] } });
  });
});
