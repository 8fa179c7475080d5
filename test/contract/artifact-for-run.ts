import { expect, it } from "vitest";
import { type ArtifactBench, paths, read } from "./artifact-fixture.ts";
import { expectInvalid } from "./expectations.ts";

export function forRun(bench: () => ArtifactBench): void {
  it("keeps two runs and the tenant apart, and cleans one of them up", async () => {
    const large = bench().fresh();
    const [one, other] = [large.forRun("1"), large.forRun("1.a")];
    const held = async () =>
      (await bench().fleet.artifact.tenants()).find(({ tenant }) => tenant === large.tenant)?.artifacts ?? 0;
    await large.artifact.put("out/a.txt", "large", { run: "1" });
    const made = await one.artifact.put("out/a.txt", "one", { metadata: { n: 1 } });
    await one.artifact.put("b.txt", "more");
    await other.artifact.put("out/a.txt", "other");
    expect(made).toMatchObject({ path: "out/a.txt", run: "1", contentType: "text/plain" });
    expect(await one.artifact.stat("out/a.txt")).toEqual(made);
    const { body, ...info } = (await one.artifact.get("out/a.txt")) ?? {};
    expect([info, body && String(await read(body))]).toEqual([made, "one"]);
    expect(await paths(large.artifact)).toEqual(["out/a.txt"]);
    expect(await paths(large.artifact, "run/")).toEqual([]);
    expect(await paths(one.artifact)).toEqual(["b.txt", "out/a.txt"]);
    expect(await paths(one.artifact, "o")).toEqual(["out/a.txt"]);
    expect(await large.artifact.text("out/a.txt")).toBe("large");
    if (large.artifact.can.index) {
      expect((await large.artifact.find({})).map(({ path }) => path)).toEqual(["out/a.txt"]);
      expect((await one.artifact.find({ prefix: "out/" })).map(({ path, run }) => [path, run])).toEqual([
        ["out/a.txt", "1"],
      ]);
      expect(await one.artifact.find({ run: "1.a" })).toEqual([]);
    }
    expect(await one.artifact.adopt("b.txt", { metadata: { n: 2 } })).toMatchObject({ path: "b.txt", run: "1" });
    expect(await one.artifact.deleteByRun("1.a")).toEqual({ deleted: 0 });
    expect(await held()).toBe(4);
    expect(await one.cleanUp()).toEqual({ artifact: { artifacts: 2 } });
    expect(await one.cleanUp()).toEqual({ artifact: { artifacts: 0 } });
    expect([await held(), await paths(one.artifact)]).toEqual([2, []]);
    expect(await large.artifact.stat("out/a.txt")).toMatchObject({ run: "1" });
    expect(await other.artifact.text("out/a.txt")).toBe("other");
    expect(await other.artifact.deleteByRun("1.a")).toEqual({ deleted: 1 });
    expect(await held()).toBe(1);
  });

  it("cleans up what came by a presigned URL", async () => {
    const large = bench().fresh();
    if (!large.artifact.can.presign) return;
    {
      await using run = large.forRun("up");
      const sent = await fetch(await run.artifact.presign("a", "put"), {
        method: "PUT",
        body: "x",
        headers: run.artifact.putHeaders,
      });
      expect([sent.ok, await run.artifact.text("a")]).toEqual([true, "x"]);
    }
    expect(await large.forRun("up").artifact.text("a")).toBeUndefined();
  });

  it("refuses paths of runs outside of them, and other runs inside", async () => {
    const large = bench().fresh();
    const { artifact } = large.forRun("1");
    for (const path of ["run", "run/1/a", "run/a"]) {
      await expectInvalid(large.artifact.put(path, "x"), path);
      await expectInvalid(large.artifact.get(path), path);
      await expectInvalid(large.artifact.delete(path), path);
      await expectInvalid(large.artifact.presign(path, "put"), path);
    }
    await large.artifact.put("runs/1/a", "x");
    for (const path of ["", "..", "../2/a", "/a", undefined as never]) {
      await expectInvalid(artifact.put(path, "x"), String(path));
      await expectInvalid(artifact.stat(path), String(path));
    }
    await expectInvalid(artifact.put("a", "x", { run: "2" }), "another run");
    await expectInvalid(artifact.put("a", "x", [] as never), "no options");
    expect((await artifact.put("a", "x", { run: "1" })).run).toBe("1");
  });
}
