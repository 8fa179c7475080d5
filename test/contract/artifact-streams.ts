import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type ArtifactBench, noise, paths, pieces, read, sha } from "./artifact-fixture.ts";

/** More than any part of an upload. */
const LONG = 20 << 20;

export function streams(bench: () => ArtifactBench): void {
  it("streams a long content up and down, and ranges of it", async () => {
    const { artifact } = bench().fresh();
    const bytes = noise(LONG + 12_345);
    const made = await artifact.put("long", pieces(bytes, 1_000_000), { sha256: sha(bytes) });
    expect(made).toMatchObject({ size: bytes.length, sha256: sha(bytes) });
    const got = await artifact.get("long");
    expect(sha(await read(got?.body as ReadableStream))).toBe(sha(bytes));
    const range = { start: (8 << 20) - 5, end: (8 << 20) + 4 };
    const part = await artifact.get("long", { range });
    expect(await read(part?.body as ReadableStream)).toEqual(Buffer.from(bytes.subarray(range.start, range.end + 1)));
    expect(Buffer.compare((await artifact.bytes("long")) ?? Buffer.of(), bytes)).toBe(0);
    await artifact.put("long", bytes.subarray(0, 9 << 20)); // long and known from the start
    expect(await artifact.stat("long")).toMatchObject({ size: 9 << 20, sha256: sha(bytes.subarray(0, 9 << 20)) });
    expect(sha((await artifact.bytes("long")) ?? "")).toBe(sha(bytes.subarray(0, 9 << 20)));
  });

  it("leaves the old artifact when a body breaks off, and says what the body said", async () => {
    const { artifact } = bench().fresh();
    const bytes = noise(LONG);
    await artifact.put("kept", "old", { run: "r" });
    for (const until of [0, 1, 200_000, 10 << 20]) {
      await expect(artifact.put("kept", pieces(bytes, 100_000, until)), `${until}`).rejects.toThrow("the source broke");
      await expect(artifact.put("new", pieces(bytes, 100_000, until)), `${until}`).rejects.toThrow("the source broke");
    }
    const strings = (async function* () {
      yield bytes.subarray(0, 10);
      yield "text" as never;
    })();
    await expect(artifact.put("kept", strings)).rejects.toMatchObject({ code: "invalid" });
    expect(await artifact.stat("kept")).toMatchObject({ sha256: sha("old"), run: "r" });
    expect(await artifact.text("kept")).toBe("old");
    expect(await paths(artifact)).toEqual(["kept"]);
  });

  it("refuses a content that has not the hash it must have, and leaves the old one", async () => {
    const { artifact } = bench().fresh();
    const bytes = noise(LONG);
    await artifact.put("kept", "old");
    const bodies = {
      text: "new",
      bytes,
      blob: new Blob(["new"]),
      stream: pieces(bytes),
      short: pieces(bytes.subarray(0, 9)),
    };
    for (const [name, body] of Object.entries(bodies)) {
      for (const path of ["kept", "new"])
        await expect(
          artifact.put(path, path === "kept" || name !== "stream" ? body : pieces(bytes), { sha256: sha("other") }),
          name,
        ).rejects.toMatchObject({ code: "invalid" });
    }
    expect(await artifact.text("kept")).toBe("old");
    expect(await paths(artifact)).toEqual(["kept"]);
    expect((await artifact.put("kept", "new", { sha256: sha("new") })).sha256).toBe(sha("new"));
  });

  it("shows readers the old artifact or the new one, never a part", async () => {
    const { artifact } = bench().fresh();
    const [one, two] = [noise(2 << 20, 1), noise(3 << 20, 2)];
    const known = [sha(one), sha(two)];
    await artifact.put("x", one);
    let done = false;
    const writer = (async () => {
      for (let i = 0; i < 6; i++) await artifact.put("x", i % 2 ? one : pieces(two));
      done = true;
    })();
    let seen = 0;
    for (; !done || seen < 3; seen++) {
      const got = await artifact.get("x");
      expect(known).toContain(sha(await read(got?.body as ReadableStream)));
      await sleep(0);
    }
    await writer;
    expect(await artifact.stat("x")).toMatchObject({ sha256: known[0] });
  });

  it("stands parallel writers of one path", async () => {
    const { artifact } = bench().fresh();
    const bodies = Array.from({ length: 8 }, (_, i) => noise(i % 2 ? 1_000 : 9 << 20, i + 1));
    await Promise.all(bodies.map((body, i) => artifact.put("x", i % 4 ? body : pieces(body), { metadata: { i } })));
    const kept = await artifact.stat("x");
    const winner = bodies[Number(kept?.metadata.i)];
    expect(kept?.sha256).toBe(sha(winner ?? ""));
    expect(sha((await artifact.bytes("x")) ?? "")).toBe(kept?.sha256);
  });

  it("lets go of a stream that is cancelled, and of the source of one that failed", async () => {
    const { artifact } = bench().fresh();
    await artifact.put("long", noise(LONG));
    for (let i = 0; i < 20; i++) {
      const got = await artifact.get("long");
      const reader = got?.body.getReader();
      expect((await reader?.read())?.value?.length).toBeGreaterThan(0);
      await reader?.cancel();
    }
    expect(await artifact.stat("long")).toMatchObject({ size: LONG });
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue("no bytes" as never),
      cancel() {
        cancelled = true;
      },
    });
    await expect(artifact.put("bad", source)).rejects.toMatchObject({ code: "invalid" });
    expect(cancelled).toBe(true);
  });

  it("keeps 64 MiB at most in memory", async () => {
    const { artifact } = bench().fresh();
    const piece = noise(1 << 20);
    const source = (async function* () {
      for (let i = 0; i < 64; i++) yield piece;
      yield piece.subarray(0, 1);
    })();
    await artifact.put("big", source);
    await expect(artifact.bytes("big")).rejects.toMatchObject({ code: "invalid" });
    await expect(artifact.text("big")).rejects.toMatchObject({ code: "invalid" });
    const part = await artifact.get("big", { range: { start: 64 << 20 } });
    expect(await read(part?.body as ReadableStream)).toEqual(Buffer.from(piece.subarray(0, 1)));
  });
}
