import { expect, it } from "vitest";
import { type ArtifactBench, noise, pieces, sha } from "./artifact-fixture.ts";

export function index(bench: () => ArtifactBench): void {
  it("finds by each of its questions, newest first, or says why not", async () => {
    const { artifact } = bench().fresh();
    if (!artifact.can.index) {
      expect(artifact.why.index).toBeTruthy();
      await expect(artifact.find({})).rejects.toMatchObject({ code: "unsupported" });
      return;
    }
    const made = [
      await artifact.put("a/1.txt", "one", { run: "r1", metadata: { kind: "x", n: 1, list: [1, { a: null }] } }),
      await artifact.put("a/2.json", "two", { run: "r1", metadata: { kind: "x", n: "1", none: null } }),
      await artifact.put("b%_/3.txt", pieces(noise(50_000)), {
        run: "r2",
        metadata: { kind: "y", 'q"uo\\te': "it's" },
      }),
      await artifact.put("b/4.txt", "one"),
    ];
    const find = async (query: object) => (await artifact.find(query)).map(({ path }) => path).sort();
    const all = made.map(({ path }) => path).sort();
    expect(await find({})).toEqual(all);
    expect(await find({ run: "r1" })).toEqual(["a/1.txt", "a/2.json"]);
    expect(await find({ contentType: "text/plain" })).toEqual(["a/1.txt", "b%_/3.txt", "b/4.txt"]);
    expect(await find({ sha256: sha("one") })).toEqual(["a/1.txt", "b/4.txt"]);
    expect(await find({ prefix: "b" })).toEqual(["b%_/3.txt", "b/4.txt"]);
    expect(await find({ prefix: "b%_" })).toEqual(["b%_/3.txt"]);
    expect(await find({ metadata: { kind: "x" } })).toEqual(["a/1.txt", "a/2.json"]);
    expect(await find({ metadata: { kind: "x", n: 1 } })).toEqual(["a/1.txt"]);
    expect(await find({ metadata: { list: [1, { a: null }] } })).toEqual(["a/1.txt"]);
    expect(await find({ metadata: { none: null } })).toEqual(["a/2.json"]);
    expect(await find({ metadata: { 'q"uo\\te': "it's" } })).toEqual(["b%_/3.txt"]);
    expect(await find({ run: "r1", prefix: "a/1", sha256: sha("one"), metadata: { n: 1 } })).toEqual(["a/1.txt"]);
    expect(await find({ run: "none" })).toEqual([]);
    expect(await find({ modifiedAfter: new Date(0) })).toEqual(all);
    expect(await find({ modifiedAfter: new Date(Date.now() + 60_000) })).toEqual([]);
    const times = (await artifact.find({})).map(({ modifiedAt }) => modifiedAt.getTime());
    expect(times).toEqual(times.toSorted((one, other) => other - one));
    expect(await artifact.find({ limit: 2 })).toHaveLength(2);
    expect(await artifact.find({ run: "r2" })).toEqual([made[2]]);
    for (const bad of [
      null,
      { limit: 0 },
      { limit: 10_001 },
      { run: "" },
      { sha256: "x" },
      { modifiedAfter: "now" },
      { metadata: [] },
    ])
      await expect(artifact.find(bad as never), JSON.stringify(bad)).rejects.toMatchObject({ code: "invalid" });
  });

  it("says what the store holds after every change, and of no other tenant", async () => {
    if (!bench().stores.tenant("contract").artifact.can.index) return;
    const [one, two] = [bench().fresh(), bench().fresh()];
    await two.artifact.put("a", "2", { run: "r" });
    const found = async () => (await one.artifact.find({})).map(({ path, sha256 }) => [path, sha256]).sort();
    await one.artifact.put("a", "1", { run: "r" });
    expect(await found()).toEqual([["a", sha("1")]]);
    await one.artifact.put("a", "new");
    await one.artifact.put("b", "b", { run: "r" });
    expect(await found()).toEqual([
      ["a", sha("new")],
      ["b", sha("b")],
    ]);
    await expect(one.artifact.put("a", pieces(noise(300_000), 100_000, 1))).rejects.toThrow("the source broke");
    await expect(one.artifact.put("c", pieces(noise(300_000), 100_000, 1))).rejects.toThrow("the source broke");
    expect(await found()).toEqual([
      ["a", sha("new")],
      ["b", sha("b")],
    ]);
    await one.artifact.adopt("a", { run: "r", metadata: { adopted: true } });
    expect(await one.artifact.find({ metadata: { adopted: true } })).toEqual([await one.artifact.stat("a")]);
    expect(await one.artifact.delete("none")).toBe(false);
    expect(await one.artifact.deleteByRun("r")).toEqual({ deleted: 2 });
    expect(await found()).toEqual([]);
    expect((await two.artifact.find({ run: "r" })).map(({ path }) => path)).toEqual(["a"]);
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 3 ? one.artifact.put("x", `${i}`) : one.artifact.delete("x"))),
    );
    expect((await one.artifact.find({})).map(({ sha256 }) => sha256)).toEqual(
      [await one.artifact.stat("x")].flatMap((kept) => (kept ? [kept.sha256] : [])),
    );
  });
}
