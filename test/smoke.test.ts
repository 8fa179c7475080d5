import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { hashEmbedder } from "../adapters/embedder.ts";
import { openFleet } from "../adapters/index.ts";
import { makePlan } from "../components/plan.ts";
import { cosine, mismatch, rank, recall } from "../scripts/smoke/brute-force.ts";
import { chunk } from "../scripts/smoke/chunker.ts";
import { CLUSTER_SPACE, clusters } from "../scripts/smoke/clusters.ts";
import { embedCorpus, readCorpus } from "../scripts/smoke/corpus.ts";
import { Run } from "../scripts/smoke/run.ts";
import { smoke } from "../scripts/smoke/smoke.ts";
import { leftBehind, runName } from "../scripts/smoke/tenants.ts";
import { takePart } from "../scripts/smoke/turn.ts";
import { QUESTIONS } from "../scripts/smoke/vector/questions.ts";
import { Report } from "../scripts/terminal/report.ts";
import { parse } from "../stacks/settings.ts";

describe("chunk", () => {
  it("keeps sentences whole where they fit, and never joins across a blank line", () => {
    const text = 'One. "Two!" Three? Mr. Four, 5.6 times.\n\nFive.';
    expect(chunk(text, { size: 12 }).map((piece) => piece.text)).toEqual([
      'One. "Two!"',
      "Three? Mr.",
      "Four, 5.6",
      "times.",
      "Five.",
    ]);
    expect(chunk(text, { size: 100 }).map((piece) => piece.text)).toEqual([
      'One. "Two!" Three? Mr. Four, 5.6 times.',
      "Five.",
    ]);
  });

  it("cuts a word that is too long, not a character", () => {
    expect(chunk("ab😀😀cd", { size: 3 }).map((piece) => piece.text)).toEqual(["ab", "😀", "😀c", "d"]);
  });

  it("has nothing to say of nothing", () => {
    expect(chunk(" \n\n\t ")).toEqual([]);
  });

  it("loses nothing but white space, numbers its pieces and keeps to its size", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 });
    const space = fc.constantFrom(" ", "  ", "\n", "\n\n", ". ", "! ");
    const text = fc.array(fc.tuple(word, space)).map((pairs) => pairs.flat().join(""));
    const dense = (parts: string[]) => parts.join("").replace(/\s+/g, "");
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 60 }), (text, size) => {
        const pieces = chunk(text, { size });
        expect(dense(pieces.map((piece) => piece.text))).toBe(dense([text]));
        expect(pieces.map((piece) => piece.position)).toEqual([...pieces.keys()]);
        for (const piece of pieces) {
          expect(piece.text.length).toBeLessThanOrEqual(size);
          expect(piece.text.trim()).not.toBe("");
        }
      }),
    );
  });
});

describe("brute force", () => {
  const vectors = { a: [1, 0], b: [3, 0], c: [1, 1], d: [0, 2], e: [-1, 0], f: [0, 0] };
  const chunks = Object.entries(vectors).map(([id, vector]) => ({ id, vector }));
  const ranking = rank([2, 0], chunks);

  it("ranks by cosine, then by id; a zero vector is like nothing", () => {
    expect(ranking.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "f", "e"]);
    expect(ranking[2]?.score).toBeCloseTo(Math.SQRT1_2, 15);
    expect(cosine([0, 0], [1, 2])).toBe(0);
  });

  const top = (...ids: string[]) => ids.map((id) => ({ id, score: ranking.find((one) => one.id === id)?.score ?? 0 }));

  it("takes an answer for right up to rounding and ties", () => {
    expect(mismatch(top("a", "b", "c"), ranking, 3)).toBeUndefined();
    expect(mismatch(top("b", "a", "c"), ranking, 3)).toBeUndefined();
    expect(
      mismatch(
        top("a", "b", "c").map(({ id, score }) => ({ id, score: score + 1e-7 })),
        ranking,
        3,
      ),
    ).toBeUndefined();
    expect(mismatch([], [], 3)).toBeUndefined();
  });

  it.each([
    [["a", "b"], "2 hits where 3 match"],
    [["a", "a", "c"], "a chunk is in the answer twice"],
    [["a", "c", "b"], "rank 2 is c (0.707107) where b (1.000000) is right"],
    [["a", "b", "d"], "rank 3 is d (0.000000) where c (0.707107) is right"],
    [["a", "b", "x"], "x is in the answer and does not match"],
  ])("says what is wrong with %j", (ids, wrong) => {
    expect(mismatch(top(...ids), ranking, 3)).toBe(wrong);
  });

  it("notices a wrong score", () => {
    expect(mismatch([{ id: "a", score: 0.9 }], ranking, 1)).toBe("a has score 0.900000; it is 1.000000");
  });

  it("counts what was found of the right answer", () => {
    expect(recall(top("a", "b", "c"), ranking, 3)).toBe(1);
    expect(recall(top("a", "c", "d"), ranking, 3)).toBeCloseTo(2 / 3);
    expect(recall(top("a", "a", "a"), ranking, 3)).toBeCloseTo(1 / 3);
    expect(recall(top("b"), ranking, 1)).toBe(1); // ties with a
    expect(recall([{ id: "x", score: 1 }], ranking, 1)).toBe(0);
    expect(recall([], [], 3)).toBe(1);
  });
});

describe("the corpus", () => {
  const corpus = readCorpus();

  it("is some 300 chunks of plain text in less than 400 KB, each address described", async () => {
    const chunks = await embedCorpus(corpus, hashEmbedder());
    expect(corpus.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(400_000);
    expect(chunks.length).toBeGreaterThan(300);
    expect(chunks.length).toBeLessThan(1_000); // or one query could not read them all back
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(chunks.length);
    for (const { id, text, speaker, year, party, uri } of corpus) {
      expect(text).toMatch(/^[\x20-\x7e\n]+$/);
      expect(id).toBe(`${year}-${speaker.toLowerCase().replaceAll(/\W+/g, "-")}`);
      expect(uri).toContain(`#data/${year}_`);
      expect(party).not.toBe("");
    }
  });

  it("answers the smoke run's questions from the right address, by brute force", async () => {
    const embedder = hashEmbedder();
    const chunks = await embedCorpus(corpus, embedder);
    for (const { text, answeredBy } of QUESTIONS) {
      const [vector = []] = await embedder.embed([text]);
      expect(rank(vector, chunks)[0]?.id.split("#")[0]).toBe(answeredBy);
    }
  });
});

describe("clusters", () => {
  it("are the same for the same seed, and others for another", () => {
    const [one, same, other] = ["a", "a", "b"].map((seed) => clusters(seed).members("m", 50));
    expect(same).toEqual(one);
    expect(other?.[0]?.vector).not.toEqual(one?.[0]?.vector);
  });

  it("lie together: a member's nearest neighbours are of its own cluster", () => {
    const members = clusters("seed").members("m", 2_000);
    const nearby = members.slice(0, 50).flatMap(({ vector, metadata }) => {
      const near = rank(vector, members).slice(1, 11);
      return near.map(({ id }) => members.find((one) => one.id === id)?.metadata?.cluster === metadata?.cluster);
    });
    expect(nearby.filter(Boolean).length / nearby.length).toBeGreaterThan(0.95);
    for (const { vector } of members) expect(cosine(vector, vector)).toBeCloseTo(1, 6);
    expect(members[0]?.vector.length).toBe(CLUSTER_SPACE.dimensions);
  });
});

describe("a run's tenants", () => {
  it("have names that tenants may have, another each time", () => {
    const [one, other, kept] = [runName(false), runName(false), runName(true)];
    expect(one).not.toBe(other);
    for (const name of [one, kept]) expect(`${name}-small-19`).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
  });

  it("count as left behind after an hour, unless they were to be kept", () => {
    const now = Date.now();
    const old = `${runName(false, now - 3_700_000)}-reader`;
    const tenants = [
      old,
      `${runName(false, now - 3_000_000)}-reader`,
      `${runName(true, now)}-reader`,
      "smoke-free-office",
      "acme",
    ];
    expect(leftBehind(tenants, now)).toEqual([old]);
  });
});

describe("takePart", () => {
  const folder = mkdtempSync(join(tmpdir(), "smoke-turn-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("lets runs go on together, and one be alone when no other is amid its steps", async () => {
    const seen: string[] = [];
    const [one, other] = await Promise.all([takePart("s", "together", folder), takePart("s", "together", folder)]);
    const alone = (turn: typeof one, name: string) =>
      turn
        .alone(async () => {
          seen.push(`${name} alone`);
          await sleep(60);
          seen.push(`${name} done`);
        })
        .finally(turn.end);
    const first = alone(one, "one");
    await sleep(120);
    expect(seen).toEqual([]); // the other is still amid its steps
    await Promise.all([first, alone(other, "other")]);
    expect(seen.join()).toMatch(
      /^(one alone,one done,other alone,other done|other alone,other done,one alone,one done)$/,
    );
  });

  it("keeps a run by itself that has to be", async () => {
    const first = await takePart("e", "alone", folder);
    let entered = false;
    const second = takePart("e", "alone", folder).then((turn) => {
      entered = true;
      return turn;
    });
    await sleep(120);
    expect(entered).toBe(false);
    expect(await first.alone(async () => "work")).toBe("work");
    first.end();
    (await second).end();
  });
});

describe("smoke", () => {
  const settings = parse("never-written", { target: "embedded" });
  const plan = makePlan(settings, { root: tmpdir(), digests: {} });
  const report = new Report(true);
  const seen = vi.spyOn(console, "log").mockImplementation(() => {});
  afterEach(() => seen.mockClear());
  afterAll(() => seen.mockRestore());
  const checks = () =>
    seen.mock.calls.map(([line]) => JSON.parse(line)).map(({ check, result }) => `${check} ${result}`);
  const turn = { alone: <T>(work: () => Promise<T>) => work(), end() {} };
  const others = Object.fromEntries(
    Object.keys(plan.bindings).map((role) => [`${role.toUpperCase()}_URL`, "inprocess:smoke"]),
  );
  const run = (app: string, admin: string, quick: boolean) =>
    new Run(
      plan,
      { env: { ...others, VECTOR_URL: app }, adminEnv: { ...others, VECTOR_URL: admin } },
      { quick, keep: false },
      report,
    );

  it("refuses a stack whose variables were not written", async () => {
    await expect(smoke(plan, report, { quick: true })).rejects.toMatchObject({
      message: ".env.never-written is not written",
      mend: "Type: npm run up",
    });
  });

  it("proves a store, short and whole, and leaves nothing there", async () => {
    expect(await run("inprocess:smoke", "inprocess:smoke", true).all(turn)).toMatch(/^43 checks in/);
    expect(await run("inprocess:smoke", "inprocess:smoke", false).all(turn)).toMatch(/^58 checks in/);
    expect(checks().every((check) => check.endsWith(" ok"))).toBe(true);
    expect(await openFleet({ ...others, VECTOR_URL: "inprocess:smoke" }).tenants()).toEqual([]);
  });

  it("names step, store, cause and mend of a store that answers wrongly", async () => {
    // A fleet over another store: nothing that it deletes goes away.
    await expect(run("inprocess:one", "inprocess:other", false).all(turn)).rejects.toMatchObject({
      message: 'smoke step "delete a tenant" on pglite: 0 of 60 chunks were removed',
      mend: expect.stringContaining("npm run doctor"),
    });
    expect(checks().at(-1)).toBe("delete a tenant fault");
  });

  it("names the same of a store that does not answer, without its password", async () => {
    const url = "postgres://agent_core:hunter2@127.0.0.1:1/agent_core";
    const failure = await run(url, url, true)
      .all(turn)
      .catch((error) => error);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^smoke step "ingest prose" on pglite: No connection to 127/),
    });
    expect(failure.mend).toContain("npm run up");
    expect(`${failure.message}${seen.mock.calls}`).not.toContain("hunter2");
  });

  it("removes what it wrote when it is interrupted", async () => {
    const running = run("inprocess:interrupted", "inprocess:interrupted", false).all(turn);
    process.emit("SIGINT");
    await expect(running).rejects.toThrow("the smoke run was interrupted");
    expect(await openFleet({ VECTOR_URL: "inprocess:interrupted" }).vector.tenants()).toEqual([]);
  });
});
