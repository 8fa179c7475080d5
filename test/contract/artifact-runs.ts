import { expect, it } from "vitest";
import { type ArtifactBench, noise, paths, pieces, sha } from "./artifact-fixture.ts";

export function runs(bench: () => ArtifactBench): void {
  it("deletes what a run made, and only that", async () => {
    const { artifact } = bench().fresh();
    for (let i = 0; i < 30; i++) await artifact.put(`one/${i}`, `${i}`, { run: "run.1" });
    await artifact.put("two", "2", { run: "run.10" });
    await artifact.put("none", "0");
    await artifact.put("one/3", "moved", { run: "run.10" });
    await artifact.put("one/4", "freed");
    await artifact.delete("one/5");
    expect(await artifact.deleteByRun("run.1")).toEqual({ deleted: 27 });
    expect(await artifact.deleteByRun("run.1")).toEqual({ deleted: 0 });
    expect(await paths(artifact)).toEqual(["none", "one/3", "one/4", "two"]);
    expect(await artifact.deleteByRun("unknown")).toEqual({ deleted: 0 });
    expect(await artifact.deleteByRun("run.10")).toEqual({ deleted: 2 });
    expect(await paths(artifact)).toEqual(["none", "one/4"]);
  });

  it("gives an artifact another run, type and metadata by adopting it", async () => {
    const { artifact } = bench().fresh();
    const made = await artifact.put("a.txt", "x", { run: "old", metadata: { a: 1 } });
    expect(await artifact.adopt("a.txt")).toEqual(made);
    const adopted = await artifact.adopt("a.txt", {
      run: "new",
      metadata: { b: 2 },
      contentType: "text/css",
      sha256: sha("x"),
    });
    expect(adopted).toMatchObject({ run: "new", metadata: { b: 2 }, contentType: "text/css", sha256: sha("x") });
    expect(await artifact.stat("a.txt")).toEqual(adopted);
    await expect(artifact.adopt("a.txt", { run: "other", sha256: sha("y") })).rejects.toMatchObject({
      code: "invalid",
    });
    expect(await artifact.stat("a.txt")).toEqual(adopted);
    expect(await artifact.deleteByRun("old")).toEqual({ deleted: 0 });
    expect(await artifact.deleteByRun("new")).toEqual({ deleted: 1 });
  });

  it("repairs nothing where nothing is wrong", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("a", "x", { run: "r" });
    await artifact.put("b", pieces(noise(100)), { metadata: { b: 1 } });
    const before = [await artifact.stat("a"), await artifact.stat("b")];
    await bench().fleet.artifact.repair({ olderThanMs: 0 });
    expect([await artifact.stat("a"), await artifact.stat("b")]).toEqual(before);
    expect(await bench().fleet.artifact.repair({ olderThanMs: 0 })).toEqual({ adopted: 0, removed: 0, indexed: 0 });
    for (const olderThanMs of [-1, 0.5, Number.NaN])
      await expect(bench().fleet.artifact.repair({ olderThanMs })).rejects.toMatchObject({ code: "invalid" });
  });
}

/** URLs that a plain HTTP client uses. */
export function presigned(bench: () => ArtifactBench): void {
  it("lets a plain client read and write one path, or says why not", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("a b/ü+1.txt", "content");
    if (!artifact.can.presign) {
      expect(artifact.why.presign).toBeTruthy();
      for (const method of ["get", "put"] as const)
        await expect(artifact.presign("a b/ü+1.txt", method)).rejects.toMatchObject({ code: "unsupported" });
      return;
    }
    const got = await fetch(await artifact.presign("a b/ü+1.txt", "get", { contentType: "text/css" }));
    expect([got.status, got.headers.get("content-type"), await got.text()]).toEqual([200, "text/css", "content"]);
    const plain = await fetch(await artifact.presign("a b/ü+1.txt", "get"));
    expect([plain.headers.get("content-type"), await plain.text()]).toEqual(["text/plain", "content"]);
    const bytes = noise(1 << 20) as Uint8Array<ArrayBuffer>;
    const url = await artifact.presign("up/load", "put", { expiresMs: 60_000 });
    const sent = await fetch(url, {
      method: "PUT",
      body: bytes,
      headers: { ...artifact.putHeaders, "content-type": "image/png" },
    });
    expect(sent.ok).toBe(true);
    expect(await artifact.stat("up/load")).toMatchObject({
      size: 1 << 20,
      sha256: null,
      contentType: "image/png",
      run: null,
    });
    expect(sha((await artifact.bytes("up/load")) ?? "")).toBe(sha(bytes));
    const adopted = await artifact.adopt("up/load", { run: "r", metadata: { by: "url" } });
    expect(adopted).toMatchObject({ sha256: sha(bytes), run: "r", metadata: { by: "url" }, contentType: "image/png" });
    // What comes over an artifact that has a hash makes the hash void.
    await fetch(url, { method: "PUT", body: "another", headers: artifact.putHeaders });
    expect(await artifact.stat("up/load")).toMatchObject({ size: 7, sha256: null });
    expect(await artifact.text("up/load")).toBe("another");
    const foreign = url.replace("up/load", "up/other");
    expect((await fetch(foreign, { method: "PUT", body: "x", headers: artifact.putHeaders })).status).toBe(403);
    expect((await fetch(url)).status).toBe(403);
    expect(await paths(artifact)).toEqual(["a b/ü+1.txt", "up/load"]);
  });

  it("ends when it was said to", async () => {
    const { artifact } = bench().fresh();
    for (const expiresMs of [999, 604_800_001, 1_500.5, Number.NaN])
      await expect(artifact.presign("a", "get", { expiresMs })).rejects.toMatchObject({ code: "invalid" });
    await expect(artifact.presign("a", "delete" as never)).rejects.toMatchObject({ code: "invalid" });
    if (!artifact.can.presign) return;
    await artifact.put("a", "x");
    const url = await artifact.presign("a", "get", { expiresMs: 1_000 });
    await expect.poll(async () => (await fetch(url)).status, { timeout: 10_000, interval: 100 }).toBe(403);
  });
}

/** A capability that is said to be false must not work. */
export function capabilities(bench: () => ArtifactBench): void {
  it("keeps a and a/b beside each other, or names both in its refusal", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("a", "1");
    await artifact.put("b/c/d", "2");
    const both = async () => [
      await artifact.put("a/b/c", "3"),
      await artifact.put("b/c", "4"),
      await artifact.put("b", "5"),
    ];
    if (artifact.can.nested) {
      await both();
      expect(await paths(artifact)).toEqual(["a", "a/b/c", "b", "b/c", "b/c/d"]);
      for (const [i, path] of ["a", "b/c/d", "a/b/c", "b/c", "b"].entries())
        expect(await artifact.text(path)).toBe(`${i + 1}`);
      await artifact.delete("a");
      await artifact.delete("b/c");
      expect(await paths(artifact)).toEqual(["a/b/c", "b", "b/c/d"]);
      return;
    }
    expect(artifact.why.nested).toBeTruthy();
    const refused = [
      ["a/b/c", "a"],
      ["b/c", "b/c/d"],
      ["b", "b/c/d"],
    ] as const;
    for (const [path, other] of refused) {
      const error = await artifact.put(path, "x").catch((thrown: unknown) => thrown);
      expect(error, path).toMatchObject({ code: "conflict" });
      expect(String(error)).toContain(`"${path}"`);
      expect(String(error)).toContain(`"${other}"`);
    }
    expect(await paths(artifact)).toEqual(["a", "b/c/d"]);
    await artifact.delete("b/c/d");
    await artifact.put("b", "now free");
    await artifact.delete("a");
    await artifact.put("a/b/c", "now free");
    expect(await paths(artifact)).toEqual(["a/b/c", "b"]);
  });

  it("gives a reason for each capability that is false", () => {
    const { artifact } = bench().fresh();
    for (const [name, can] of Object.entries(artifact.can))
      expect(Boolean(artifact.why[name as "index"]), name).toBe(!can);
  });
}
