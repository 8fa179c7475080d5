import { expect, it } from "vitest";
import { type ArtifactBench, noise, paths, pieces, read, sha } from "./artifact-fixture.ts";

export function basics(bench: () => ArtifactBench): void {
  it("returns what was given, with size, hash and time", async () => {
    const { artifact } = bench().fresh();
    const metadata = { kind: "report", pages: 3, draft: false, tags: ["a", "b"], nested: { n: null } };
    const before = Date.now();
    const made = await artifact.put("reports/2024/Grüße 🚲.txt", "Grüße 🚲", { run: "run-1", metadata });
    expect(made).toEqual({
      path: "reports/2024/Grüße 🚲.txt",
      size: 12,
      sha256: sha("Grüße 🚲"),
      contentType: "text/plain",
      run: "run-1",
      metadata,
      modifiedAt: expect.any(Date),
    });
    expect(Math.abs(made.modifiedAt.getTime() - before)).toBeLessThan(60_000);
    expect(await artifact.stat(made.path)).toEqual(made);
    const got = await artifact.get(made.path);
    expect({ ...got, body: undefined }).toEqual({ ...made, body: undefined });
    expect((await read(got?.body as ReadableStream)).toString()).toBe("Grüße 🚲");
    expect(await artifact.text(made.path)).toBe("Grüße 🚲");
    const listed = [];
    for await (const one of artifact.list()) listed.push(one);
    expect(listed).toEqual([{ path: made.path, size: 12, modifiedAt: expect.any(Date) }]);
  });

  it("takes every kind of body", async () => {
    const { artifact } = bench().fresh();
    const bytes = noise(300_000);
    const bodies = {
      bytes,
      buffer: Buffer.from(bytes),
      blob: new Blob([bytes as Uint8Array<ArrayBuffer>]),
      stream: new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(),
      iterable: pieces(bytes),
    };
    for (const [name, body] of Object.entries(bodies)) {
      const made = await artifact.put(name, body);
      expect([made.size, made.sha256], name).toEqual([300_000, sha(bytes)]);
      expect(Buffer.compare((await artifact.bytes(name)) ?? Buffer.of(), bytes), name).toBe(0);
    }
    for (const [name, empty] of Object.entries({
      text: "",
      bytes: new Uint8Array(),
      stream: pieces(new Uint8Array()),
    })) {
      expect(await artifact.put(`empty/${name}`, empty)).toMatchObject({ size: 0, sha256: sha("") });
      expect(await artifact.bytes(`empty/${name}`)).toEqual(new Uint8Array());
      expect(await artifact.text(`empty/${name}`)).toBe("");
    }
    expect(await artifact.text("empty/text")).toBe("");
    await artifact.put("bom", "\ufeffa\0b");
    expect(await artifact.text("bom")).toBe("\ufeffa\0b");
  });

  it("names a type by the path's ending, or the one that is given", async () => {
    const { artifact } = bench().fresh();
    const types = { "a.json": "application/json", "b.PNG": "image/png", c: "application/octet-stream" };
    for (const [path, type] of Object.entries(types)) expect((await artifact.put(path, "x")).contentType).toBe(type);
    const contentType = 'text/plain; charset="utf-8"';
    await artifact.put("a.json", "x", { contentType });
    expect((await artifact.stat("a.json"))?.contentType).toBe(contentType);
  });

  it("has nothing where nothing is", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("a/b", "x");
    for (const path of ["none", "a", "a/b2", "a/b/c", "A/B/D"]) {
      expect(await artifact.get(path), path).toBeUndefined();
      expect(await artifact.get(path, { range: { start: 0 } }), path).toBeUndefined();
      expect(await artifact.stat(path), path).toBeUndefined();
      expect(await artifact.bytes(path), path).toBeUndefined();
      expect(await artifact.text(path), path).toBeUndefined();
      expect(await artifact.adopt(path), path).toBeUndefined();
      expect(await artifact.delete(path), path).toBe(false);
    }
    expect(await paths(artifact)).toEqual(["a/b"]);
  });

  it("replaces the whole artifact, and deletes it once", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("x", "the first, which is longer", { run: "one", metadata: { a: 1 } });
    await artifact.put("x", "second");
    expect(await artifact.stat("x")).toMatchObject({ size: 6, sha256: sha("second"), run: null, metadata: {} });
    expect(await artifact.text("x")).toBe("second");
    expect([await artifact.delete("x"), await artifact.delete("x")]).toEqual([true, false]);
    expect(await artifact.stat("x")).toBeUndefined();
    expect(await paths(artifact)).toEqual([]);
  });

  it("reads ranges, both ends included", async () => {
    const { artifact } = bench().fresh();
    const bytes = noise(200_000);
    await artifact.put("r", bytes);
    for (const [start, end] of [
      [0, 0],
      [0, 9],
      [1, 1],
      [99_999, 150_000],
      [199_999, 199_999],
      [5, 10 ** 12],
      [7, undefined],
      [0, undefined],
    ] as const) {
      const part = await artifact.get("r", { range: { start, ...(end !== undefined && { end }) } });
      const expected = bytes.subarray(start, end === undefined ? undefined : end + 1);
      expect(Buffer.compare(await read(part?.body as ReadableStream), expected), `${start}-${end}`).toBe(0);
      expect(part).toMatchObject({ size: 200_000, sha256: sha(bytes) });
    }
    await artifact.put("none", "");
    const behind = [
      ["r", 200_000],
      ["r", 2 ** 40],
      ["none", 0],
    ] as const;
    for (const [path, start] of behind)
      await expect(artifact.get(path, { range: { start } }), `${path} ${start}`).rejects.toMatchObject({
        code: "invalid",
      });
  });

  it("lists by prefix, in code-point order", async () => {
    const { artifact } = bench().fresh();
    const given = [
      "a-b",
      "a/b",
      "a/c/d",
      "a0",
      "A",
      "é",
      "\uffee",
      "🚲",
      "b c",
      "b%20c",
      "b+c",
      ".hidden",
      "..x",
      "a!b",
      "~",
    ];
    for (const path of given) await artifact.put(path, path);
    const sorted = given.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(await paths(artifact)).toEqual(sorted);
    for (const prefix of ["", "a", "a/", "a/c/d", "a/c/d/", "b", ".", "..", "é", "🚲", "none", "a/c/none/e"])
      expect(await paths(artifact, prefix), prefix).toEqual(sorted.filter((path) => path.startsWith(prefix)));
    for (const path of given) expect(await artifact.text(path), path).toBe(path);
  });

  it("lists more than any page, and stops when its reader does", async () => {
    const { tenant, artifact } = bench().fresh();
    const given = Array.from({ length: bench().under.many ?? 1_100 }, (_, i) => `many/${String(i).padStart(5, "0")}`);
    for (let at = 0; at < given.length; at += 50)
      await Promise.all(given.slice(at, at + 50).map((path) => artifact.put(path, "")));
    expect(await paths(artifact, "many/")).toEqual(given);
    expect(await paths(artifact, "many/0010")).toEqual(given.slice(100, 110));
    for await (const { path } of artifact.list()) {
      expect(path).toBe(given[0]);
      break;
    }
    await bench().fleet.artifact.deleteTenant(tenant); // or every later look at all tenants takes its time
  }, 120_000);

  it("keeps what it gives and takes apart from what the caller does with it", async () => {
    const { artifact } = bench().fresh();
    const metadata = { list: [1] };
    await artifact.put("m", "abc", { metadata });
    metadata.list.push(2);
    const seen = (await artifact.stat("m"))?.metadata as typeof metadata;
    seen.list.push(3);
    (await artifact.bytes("m"))?.fill(0);
    expect((await artifact.stat("m"))?.metadata).toEqual({ list: [1] });
    expect(await artifact.text("m")).toBe("abc");
  });
}
