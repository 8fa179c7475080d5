import fc from "fast-check";
import { expect, it } from "vitest";
import type { PutOptions } from "../../adapters/index.ts";
import { type ArtifactBench, noise, paths, sha } from "./artifact-fixture.ts";

const badPaths: [string, unknown][] = [
  ["empty", ""],
  ["of 513 bytes", "ab/".repeat(171)],
  ["segment of 201 bytes", `a/${"x".repeat(201)}`],
  ["segment of 202 bytes in 101 characters", "ä".repeat(101)],
  ["begins with /", "/a"],
  ["ends with /", "a/"],
  ["empty segment", "a//b"],
  [". segment", "a/./b"],
  [".. segment", "a/../b"],
  ["only ..", ".."],
  ["ends with ..", "a/.."],
  ["dots between spaces", "a/ .. /b"],
  ["backslash", "a\\..\\b"],
  ["NUL", "a\0b"],
  ["line break", "a\nb"],
  ["C1 control", "a\u0085b"],
  ["noncharacter", "a\ufffe"],
  ["lone surrogate", "a\ud800"],
  ["number", 5],
  ["undefined", undefined],
];

const nested = (levels: number): never => (levels === 0 ? 1 : [nested(levels - 1)]) as never;
const badOptions: [string, unknown][] = [
  ["null", null],
  ["empty run", { run: "" }],
  ["run with /", { run: "a/b" }],
  ["run that begins with .", { run: ".a" }],
  ["run of 129", { run: "x".repeat(129) }],
  ["type without /", { contentType: "text" }],
  ["type with a line break", { contentType: "text/plain\r\nx: y" }],
  ["type of 256", { contentType: `text/${"x".repeat(251)}` }],
  ["short hash", { sha256: "abc" }],
  ["upper-case hash", { sha256: sha("x").toUpperCase() }],
  ["metadata list", { metadata: [] }],
  ["metadata date", { metadata: { at: new Date() } }],
  ["metadata undefined", { metadata: { a: undefined } }],
  ["metadata NaN", { metadata: { a: Number.NaN } }],
  ["NUL in metadata", { metadata: { a: ["\0"] } }],
  ["metadata over 16 KiB", { metadata: { a: "x".repeat(16_384) } }],
  ["metadata nested 100 deep", { metadata: { a: nested(100) } }],
];
const badBodies: [string, unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["number", 5],
  ["array", [1, 2]],
  ["ArrayBuffer", new ArrayBuffer(3)],
  ["lone surrogate", "\ud800"],
];
const badRanges = [{ start: -1 }, { start: 0.5 }, { start: 2, end: 1 }, { end: 1 }, null, { start: 0, end: Infinity }];

export function input(bench: () => ArtifactBench): void {
  it("refuses bad input before anything is written", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("good", "x");
    const invalid = { name: "StoreError", code: "invalid" };
    for (const [what, bad] of badPaths) {
      const path = bad as string;
      for (const call of [
        () => artifact.put(path, "x"),
        () => artifact.get(path),
        () => artifact.stat(path),
        () => artifact.bytes(path),
        () => artifact.delete(path),
        () => artifact.presign(path, "get"),
        () => artifact.adopt(path),
      ])
        await expect(call(), `${what} ${call}`).rejects.toMatchObject(invalid);
    }
    for (const [what, bad] of badOptions) {
      await expect(artifact.put("good", "y", bad as PutOptions), what).rejects.toMatchObject(invalid);
      await expect(artifact.adopt("good", bad as PutOptions), what).rejects.toMatchObject(invalid);
    }
    for (const [what, bad] of badBodies)
      await expect(artifact.put("good", bad as string), what).rejects.toMatchObject(invalid);
    for (const range of badRanges)
      await expect(artifact.get("good", { range: range as never }), JSON.stringify(range)).rejects.toMatchObject(
        invalid,
      );
    for (const prefix of ["/", "a//", "../", "./a", "a\\", "a\0", "\ud800", "x".repeat(513)])
      await expect(paths(artifact, prefix), prefix).rejects.toMatchObject(invalid);
    for (const run of ["", "a b", "../a", undefined])
      await expect(artifact.deleteByRun(run as string)).rejects.toMatchObject(invalid);
    expect(await paths(artifact)).toEqual(["good"]);
    expect(await artifact.text("good")).toBe("x");
  });

  it("takes everything at its limits", async () => {
    const { artifact } = bench().fresh();
    const long = [":".repeat(200), "x".repeat(200), "y".repeat(110)].join("/");
    const given = [
      long,
      "ä".repeat(100),
      "🚲".repeat(50),
      "con",
      "nul.txt",
      "a.",
      "a ",
      " a",
      "~",
      'q"<>|?*:%',
      "%41",
      "%",
    ];
    const metadata = { a: "x".repeat(16_376) };
    const options = { run: `R${"x".repeat(127)}`, contentType: `text/${"x".repeat(250)}`, metadata };
    for (const path of given) await artifact.put(path, path, options);
    const order = given.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(await paths(artifact)).toEqual(order);
    for (const path of given) {
      expect(await artifact.stat(path), path).toMatchObject({ path, ...options });
      expect(await artifact.text(path)).toBe(path);
    }
    if (artifact.can.index) expect(await artifact.find({ run: options.run, metadata })).toHaveLength(given.length);
    expect(await artifact.deleteByRun(options.run)).toEqual({ deleted: given.length });
    const ten = noise(10_000_000);
    await artifact.put("ten", ten);
    expect(sha((await artifact.bytes("ten")) ?? "")).toBe(sha(ten));
  });

  it("refuses or round-trips anything", async () => {
    const { artifact } = bench().fresh();
    const unit16 = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const sign = fc.constantFrom(
      "a",
      "B",
      ".",
      "..",
      "/",
      "%",
      "%2F",
      "\\",
      " ",
      "+",
      "é",
      "🚲",
      "\ufffe",
      ":",
      "*",
      "\0",
      "~",
    );
    const path = fc.oneof(
      { weight: 6, arbitrary: fc.array(sign, { minLength: 1, maxLength: 8 }).map((all) => all.join("")) },
      { weight: 4, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }) },
      fc.string({ unit: "binary" }),
      fc.string({ unit: unit16 }),
      fc.string({ minLength: 195, maxLength: 205 }),
    );
    const body = fc.oneof(fc.string({ unit: unit16, maxLength: 50 }), fc.uint8Array({ maxLength: 200 }));
    const json = fc.jsonValue({ maxDepth: 2, stringUnit: "grapheme" }) as fc.Arbitrary<never>;
    const metadata = fc.oneof(
      { weight: 9, arbitrary: fc.dictionary(fc.string({ unit: "grapheme", maxLength: 9 }), json, { maxKeys: 3 }) },
      fc.anything() as fc.Arbitrary<never>,
    );
    const run = fc.oneof(
      { weight: 9, arbitrary: fc.constant(undefined) },
      fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,9}$/),
      fc.string({ maxLength: 3 }),
    );
    const numRuns = bench().under.cases ?? 1_000;
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(path, body, fc.option(metadata, { nil: undefined }), run, async (path, body, metadata, run) => {
        let made: Awaited<ReturnType<typeof artifact.put>>;
        try {
          made = await artifact.put(path, body, { metadata, run });
        } catch (error) {
          expect(error).toMatchObject({ name: "StoreError", code: "invalid" });
          expect(await paths(artifact)).toEqual([]);
          return;
        }
        expect(await paths(artifact)).toEqual([path]);
        expect(await artifact.stat(path)).toEqual(made);
        expect(made).toMatchObject({ path, run: run ?? null, metadata: JSON.parse(JSON.stringify(metadata ?? {})) });
        expect(Buffer.compare((await artifact.bytes(path)) ?? Buffer.of(1), Buffer.from(body as string))).toBe(0);
        expect(await artifact.delete(path)).toBe(true);
        accepted++;
      }),
      { numRuns },
    );
    expect(accepted).toBeGreaterThan(numRuns / 5);
  }, 300_000);
}
